//! Greets whoever the request's body names, in Rust with Extism's own PDK. Run `ubiq dev examples/hello-rust`, then
//!
//!     curl -d Ada http://127.0.0.1:8080/hello-rust
//!
//! prints `Hello, Ada!`.
use extism_pdk::*;

#[plugin_fn]
pub fn hello(name: String) -> FnResult<String> {
    let name = if name.is_empty() { "world" } else { name.as_str() };
    Ok(format!("Hello, {name}!"))
}
