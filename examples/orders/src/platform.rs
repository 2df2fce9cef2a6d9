//! The platform's API, raw: a request goes out as JSON, its answer comes back as JSON.
use extism_pdk::{Error, Memory};
use serde::Deserialize;
use serde_json::{json, Value};

#[link(wasm_import_module = "extism:host/user")]
extern "C" {
    fn InvokeHost(format: i32, request: u64) -> u64;
}

const JSON: i32 = 0;

#[derive(Deserialize)]
pub struct Answer {
    pub status: u16,
    #[serde(default)]
    pub headers: Value,
    #[serde(default)]
    pub body: Value,
}

impl Answer {
    /// The answer, where its status is one of those; else what the platform said.
    pub fn expect(self, statuses: &[u16]) -> Result<Answer, Error> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        Err(Error::msg(self.body["detail"].as_str().unwrap_or("the platform gave no reason").to_owned()))
    }

    /// The version of what was read, to put it back with.
    pub fn version(&self) -> String {
        self.headers["etag"].as_str().unwrap_or_default().trim_matches('"').to_owned()
    }
}

fn send(request: Value) -> Result<Answer, Error> {
    let request = Memory::from_bytes(serde_json::to_vec(&request)?)?;
    let answer = Memory::find(unsafe { InvokeHost(JSON, request.offset()) });
    request.free();
    let answer = answer.ok_or_else(|| Error::msg("the platform gave no answer"))?;
    let parsed = serde_json::from_slice(&answer.to_vec());
    answer.free();
    Ok(parsed?)
}

/// Asks without a body. The path is percent-encoded.
pub fn ask(method: &str, path: &str) -> Result<Answer, Error> {
    send(json!({ "method": method, "path": path }))
}

/// Asks with a body and with parameters (`{}`: none).
pub fn ask_with(method: &str, path: &str, query: Value, body: Value) -> Result<Answer, Error> {
    send(json!({ "method": method, "path": path, "query": query, "body": body }))
}
