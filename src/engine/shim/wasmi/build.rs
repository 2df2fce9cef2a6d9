//! Copies wasm.h from where cargo keeps the crate to the folder UBIQ_HEADERS.
use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-env-changed=UBIQ_HEADERS");
    let from = env::var("DEP_WASMI_C_API_INCLUDE").expect("wasmi_c_api_impl tells its headers");
    if let Ok(to) = env::var("UBIQ_HEADERS") {
        fs::create_dir_all(&to).expect("a folder for headers");
        let copy = Path::new(&to).join("wasm.h");
        fs::copy(Path::new(&from).join("wasm.h"), &copy).expect("wasm.h");
        println!("cargo:rerun-if-changed={}", copy.display()); // an interrupted build may have removed it
    }
}
