//! Nothing of its own: the C functions of Wasmtime's C API and of libcurl become symbols of the static library.
extern crate curl_sys;
pub use wasmtime_c_api::*;
