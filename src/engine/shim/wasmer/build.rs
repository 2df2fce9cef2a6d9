//! Copies wasm.h from where cargo keeps the crate to the folder UBIQ_HEADERS.
use std::{env, fs, path::Path, process::Command};

// The crate does not tell where it is; cargo does.
fn folder_of(name: &str) -> String {
    let cargo = env::var("CARGO").expect("cargo runs this");
    let answer = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .output()
        .expect("cargo metadata");
    let text = String::from_utf8(answer.stdout).expect("JSON");
    let mark = "\"manifest_path\":\"";
    let mut manifests = text.split(mark).skip(1).filter_map(|rest| rest.split('"').next());
    let wanted = format!("/{name}-");
    let manifest = manifests.find(|path| {
        let after = path.rsplit_once(&wanted).map_or("", |(_, version)| version);
        after.starts_with(|first: char| first.is_ascii_digit())
    });
    manifest
        .expect("the crate's manifest")
        .trim_end_matches("Cargo.toml")
        .into()
}

fn main() {
    println!("cargo:rerun-if-env-changed=UBIQ_HEADERS");
    if let Ok(to) = env::var("UBIQ_HEADERS") {
        fs::create_dir_all(&to).expect("a folder for headers");
        fs::copy(
            Path::new(&folder_of("wasmer-c-api")).join("wasm.h"),
            Path::new(&to).join("wasm.h"),
        )
        .expect("wasm.h");
    }
}
