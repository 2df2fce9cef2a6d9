//! A plugin made with Extism's own PDK for Rust, so that we never test against our own PDK alone. Built twice: for
//! wasm32-unknown-unknown (rust_plugin.wasm) and for wasm32-wasip1 (rust_plugin_wasi.wasm).
use extism_pdk::*;
use serde::{Deserialize, Serialize};

const VOWELS: &str = "aeiouAEIOU";

#[derive(Serialize, ToBytes)]
#[encoding(Json)]
struct VowelReport {
    count: u64,
    total: u64,
    vowels: String,
}

/// Counts vowels, with a running total and vowels that config may change.
#[plugin_fn]
pub fn count_vowels(text: String) -> FnResult<VowelReport> {
    let vowels = config::get("vowels")?.unwrap_or_else(|| VOWELS.to_string());
    let count = text.chars().filter(|c| vowels.contains(*c)).count() as u64;
    let total = var::get::<u64>("total")?.unwrap_or(0) + count;
    var::set("total", total)?;
    Ok(VowelReport { count, total, vowels })
}

/// Answers its input.
#[plugin_fn]
pub fn echo(input: Vec<u8>) -> FnResult<Vec<u8>> {
    Ok(input)
}

#[derive(Deserialize, FromBytes)]
#[encoding(Json)]
struct Pair {
    a: i64,
    b: i64,
}

#[derive(Serialize, ToBytes)]
#[encoding(Json)]
struct Sum {
    sum: i64,
}

/// `{"a":1,"b":2}` gives `{"sum":3}`; anything else is an error of the JSON reader.
#[plugin_fn]
pub fn add(Json(pair): Json<Pair>) -> FnResult<Json<Sum>> {
    Ok(Json(Sum { sum: pair.a + pair.b }))
}

/// Answers the value of the config key that the input names, or `(none)`.
#[plugin_fn]
pub fn config(key: String) -> FnResult<String> {
    Ok(config::get(key)?.unwrap_or_else(|| "(none)".to_string()))
}

/// Counts its calls in a variable.
#[plugin_fn]
pub fn count(_: ()) -> FnResult<String> {
    let count = var::get::<u64>("count")?.unwrap_or(0) + 1;
    var::set("count", count)?;
    Ok(count.to_string())
}

/// Forgets the count.
#[plugin_fn]
pub fn forget(_: ()) -> FnResult<()> {
    var::remove("count")?;
    Ok(())
}

/// Sends a GET request to the URL in the input; answers "<status>\n<body>".
#[plugin_fn]
pub fn http_get(url: String) -> FnResult<Vec<u8>> {
    let request = HttpRequest::new(url).with_header("x-guest", "rust");
    let response = http::request::<()>(&request, None)?;
    let mut answer = format!("{}\n", response.status_code()).into_bytes();
    answer.extend(response.body());
    Ok(answer)
}

/// Logs the input at every level.
#[plugin_fn]
pub fn log(message: String) -> FnResult<()> {
    trace!("trace: {message}");
    debug!("debug: {message}");
    info!("info: {message}");
    warn!("warn: {message}");
    error!("error: {message}");
    Ok(())
}

/// Fails with the input as message.
#[plugin_fn]
pub fn fail(message: String) -> FnResult<()> {
    Err(Error::msg(message).into())
}

/// Fails with the return code 42.
#[plugin_fn]
pub fn fail_with_code(_: ()) -> FnResult<()> {
    Err(WithReturnCode::new(Error::msg("code 42"), 42))
}

/// Panics: an `unreachable` in Wasm, after a line on standard error where there is WASI.
#[plugin_fn]
pub fn panic(_: ()) -> FnResult<()> {
    panic!("this function panics on purpose")
}

/// Prints the input on standard output; nothing happens without WASI.
#[plugin_fn]
pub fn print(line: String) -> FnResult<()> {
    println!("{line}");
    Ok(())
}
