// Small on purpose: each greets whoever the body names, as the examples do, so that one test case fits all.
#include "cli/new_templates.h"

/// wit/wit-wire.wit, a zero behind it.
extern const unsigned char wit_wire_wit[];

const char new_project_head[] = "[project]\n"
                                "name = \"@NAME@\"\n"
                                "version = \"0.1.0\"\n";

static const char test_cases[] = "# `ubiq test` runs these.\n"
                                 "[[case]]\n"
                                 "name = \"greets whoever the body names\"\n"
                                 "request = { body = \"Ada\" }\n"
                                 "expect = { body = \"Hello, Ada!\" }\n"
                                 "\n"
                                 "[[case]]\n"
                                 "name = \"greets the world without a body\"\n"
                                 "expect = { body = \"Hello, world!\" }\n";

static const char c_source[] =
    "// Greets whoever the request's body names.\n"
    "#include <ubiq/pdk.h>\n"
    "\n"
    "enum { NAME_BYTES_MAX = 256 };\n"
    "\n"
    "UBIQ_EXPORT(@ID@) {\n"
    "  char greeting[7 + NAME_BYTES_MAX + 1] = \"Hello, \";\n"
    "  const size_t size = ubiq_input_size();\n"
    "  if (size == 0) return ubiq_output_string(\"Hello, world!\");\n"
    "  if (size > NAME_BYTES_MAX) return ubiq_error_string(\"name: is too long; expected at most 256 bytes\");\n"
    "  ubiq_input_read(greeting + 7, size);\n"
    "  greeting[7 + size] = '!';\n"
    "  return ubiq_output(greeting, 7 + size + 1);\n"
    "}\n";

static const char cpp_source[] =
    "// Greets whoever the request's body names.\n"
    "#include <ubiq/pdk.h>\n"
    "\n"
    "namespace {\n"
    "\n"
    "constexpr size_t name_bytes_max = 256;\n"
    "\n"
    "struct Greeting {\n"
    "  char text[7 + name_bytes_max + 1] = \"Hello, \";\n"
    "  size_t size = 7;\n"
    "\n"
    "  void add_input(size_t bytes) {\n"
    "    ubiq_input_read(text + size, bytes);\n"
    "    size += bytes;\n"
    "    text[size++] = '!';\n"
    "  }\n"
    "};\n"
    "\n"
    "} // namespace\n"
    "\n"
    "UBIQ_EXPORT(@ID@) {\n"
    "  const size_t size = ubiq_input_size();\n"
    "  if (size == 0) return ubiq_output_string(\"Hello, world!\");\n"
    "  if (size > name_bytes_max) return ubiq_error_string(\"name: is too long; expected at most 256 bytes\");\n"
    "  Greeting greeting;\n"
    "  greeting.add_input(size);\n"
    "  return ubiq_output(greeting.text, greeting.size);\n"
    "}\n";

static const char cargo_toml[] = "[package]\n"
                                 "name = \"@NAME@\"\n"
                                 "version = \"0.1.0\"\n"
                                 "edition = \"2021\"\n"
                                 "publish = false\n"
                                 "\n"
                                 "[lib]\n"
                                 "name = \"@ID@\"\n"
                                 "crate-type = [\"cdylib\"]\n"
                                 "\n"
                                 "[dependencies]\n"
                                 "extism-pdk = \"1.4\"\n"
                                 "\n"
                                 "[profile.release]\n"
                                 "lto = true\n"
                                 "opt-level = \"s\"\n"
                                 "panic = \"abort\"\n"
                                 "strip = true\n"
                                 "\n"
                                 "[workspace]\n";

static const char rust_source[] = "//! Greets whoever the request's body names.\n"
                                  "use extism_pdk::*;\n"
                                  "\n"
                                  "#[plugin_fn]\n"
                                  "pub fn @ID@(name: String) -> FnResult<String> {\n"
                                  "    let name = if name.is_empty() { \"world\" } else { name.as_str() };\n"
                                  "    Ok(format!(\"Hello, {name}!\"))\n"
                                  "}\n";

static const char go_mod[] = "module @ID@\n"
                             "\n"
                             "go 1.24\n"
                             "\n"
                             "require github.com/extism/go-pdk v1.1.3\n";

static const char go_source[] = "// Greets whoever the request's body names.\n"
                                "package main\n"
                                "\n"
                                "import \"github.com/extism/go-pdk\"\n"
                                "\n"
                                "//go:wasmexport @ID@\n"
                                "func greet() int32 {\n"
                                "\tname := pdk.InputString()\n"
                                "\tif name == \"\" {\n"
                                "\t\tname = \"world\"\n"
                                "\t}\n"
                                "\tpdk.OutputString(\"Hello, \" + name + \"!\")\n"
                                "\treturn 0\n"
                                "}\n"
                                "\n"
                                "func main() {}\n";

static const char component_cargo_toml[] =
    "[package]\n"
    "name = \"@NAME@\"\n"
    "version = \"0.1.0\"\n"
    "edition = \"2021\"\n"
    "publish = false\n"
    "\n"
    "[lib]\n"
    "name = \"@ID@\"\n"
    "crate-type = [\"cdylib\"]\n"
    "\n"
    "[dependencies]\n"
    "serde_json = \"1\"\n"
    "wit-bindgen = { version = \"0.57\", default-features = false, features = [\"macros\", \"realloc\"] }\n"
    "\n"
    "[profile.release]\n"
    "lto = true\n"
    "opt-level = \"s\"\n"
    "panic = \"abort\"\n"
    "strip = true\n"
    "\n"
    "[workspace]\n";

static const char component_source[] =
    "//! Greets whoever the request's body names, and writes that to the log.\n"
    "wit_bindgen::generate!({ path: \"wit-wire.wit\", world: \"wit-wire\" });\n"
    "\n"
    "use exports::metatype::wit_wire::mat_wire::*;\n"
    "use metatype::wit_wire::typegate_wire::hostcall;\n"
    "use serde_json::{json, Value};\n"
    "\n"
    "struct Component;\n"
    "\n"
    "impl Guest for Component {\n"
    "    fn init(_: InitArgs) -> Result<InitResponse, InitError> {\n"
    "        Ok(InitResponse { ok: true })\n"
    "    }\n"
    "\n"
    "    fn handle(call: HandleReq) -> Result<String, HandleErr> {\n"
    "        let input: Value =\n"
    "            serde_json::from_str(&call.in_json).map_err(|error| HandleErr::InJsonErr(error.to_string()))?;\n"
    "        let greeting = format!(\"Hello, {}!\", input[\"name\"].as_str().unwrap_or(\"world\"));\n"
    "        let line = json!({ \"method\": \"POST\", \"path\": \"/v1/log\", \"body\": { \"message\": greeting } });\n"
    "        hostcall(\"InvokeHost\", &line.to_string()).map_err(HandleErr::HandlerErr)?;\n"
    "        Ok(json!({ \"greeting\": greeting }).to_string())\n"
    "    }\n"
    "}\n"
    "\n"
    "export!(Component);\n";

static const char component_cases[] = "# `ubiq test` runs these.\n"
                                      "[[case]]\n"
                                      "name = \"greets whoever the body names\"\n"
                                      "request.json = { name = \"Ada\" }\n"
                                      "expect.json = { greeting = \"Hello, Ada!\" }\n"
                                      "\n"
                                      "[[case]]\n"
                                      "name = \"greets the world without a name\"\n"
                                      "request.json = {}\n"
                                      "expect.json = { greeting = \"Hello, world!\" }\n";

static const new_template templates[] = {
    {"c",
     "clang and lld (Debian: clang lld)",
     "[functions.@NAME@]\n"
     "source = \"@NAME@.c\"\n"
     "export = \"@ID@\"\n"
     "route = \"POST /@NAME@\"\n",
     {{"@NAME@.c", c_source}, {"@NAME@.test.toml", test_cases}}},
    {"cpp",
     "clang and lld (Debian: clang lld)",
     "[functions.@NAME@]\n"
     "source = \"@NAME@.cpp\"\n"
     "export = \"@ID@\"\n"
     "route = \"POST /@NAME@\"\n",
     {{"@NAME@.cpp", cpp_source}, {"@NAME@.test.toml", test_cases}}},
    {"rust",
     "cargo, and its target: rustup target add wasm32-unknown-unknown",
     "[functions.@NAME@]\n"
     "wasm = \"@NAME@/target/wasm32-unknown-unknown/release/@ID@.wasm\"\n"
     "build = \"cargo build --release --target wasm32-unknown-unknown --manifest-path @NAME@/Cargo.toml\"\n"
     "export = \"@ID@\"\n"
     "route = \"POST /@NAME@\"\n",
     {{"@NAME@/Cargo.toml", cargo_toml}, {"@NAME@/src/lib.rs", rust_source}, {"@NAME@/@NAME@.test.toml", test_cases}}},
    {"go",
     "Go 1.24 or later",
     "[functions.@NAME@]\n"
     "wasm = \"@NAME@/@NAME@.wasm\"\n"
     "build = \"cd @NAME@ && GOOS=wasip1 GOARCH=wasm go build -mod=mod -buildmode=c-shared -o @NAME@.wasm .\"\n"
     "export = \"@ID@\"\n"
     "route = \"POST /@NAME@\"\n"
     "instance = \"reuse\" # Go's runtime takes a while to start\n",
     {{"@NAME@/go.mod", go_mod}, {"@NAME@/main.go", go_source}, {"@NAME@/@NAME@.test.toml", test_cases}}},
    {"component",
     "cargo, and its target: rustup target add wasm32-wasip2",
     "[functions.@NAME@]\n"
     "wasm = \"@NAME@/target/wasm32-wasip2/release/@ID@.wasm\"\n"
     "build = \"cargo build --release --target wasm32-wasip2 --manifest-path @NAME@/Cargo.toml\"\n"
     "wire = \"component\"\n"
     "route = \"POST /@NAME@\"\n",
     {{"@NAME@/Cargo.toml", component_cargo_toml},
      {"@NAME@/src/lib.rs", component_source},
      {"@NAME@/wit-wire.wit", (const char *)wit_wire_wit},
      {"@NAME@/@NAME@.test.toml", component_cases}}},
};

const new_template *new_template_list(size_t *count) {
  *count = sizeof templates / sizeof templates[0];
  return templates;
}
