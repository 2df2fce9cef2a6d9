// Manifests and modules: each field, of right and wrong types, missing, unknown; bytes that are none of it.
#include "differential/driver.h"

#define WASM "\"wasm\": [{\"path\": \"$GUESTS/echo.wasm\"}]"
#define ECHO "call echo some text"

static const scenario scenarios[] = {
    // What is no manifest and no module.
    {.name = "bytes: none at all", .differs = DIFFERS_WORDS, .source = ""},
    {.name = "bytes: a space", .differs = DIFFERS_WORDS, .source = " "},
    {.name = "bytes: junk text", .source = "this is neither JSON nor TOML nor WAT"},
    {.name = "bytes: junk", .source = "\xff\xfe\x00\x01\x80", .source_size = 5},
    {.name = "bytes: JSON that is no UTF-8", .source = "{\"wasm\": [{\"path\": \"\xff\xfe\"}]}"},
    {.name = "bytes: the magic number alone", .source = "\0asm", .source_size = 4},
    {.name = "bytes: half the magic number", .source = "\0as", .source_size = 3},
    {.name = "bytes: another version", .source = "\0asm\2\0\0\0", .source_size = 8},
    {.name = "bytes: a component", .source = "\0asm\x0d\0\1\0", .source_size = 8},
    {.name = "bytes: the smallest module", .source = "\0asm\1\0\0\0", .source_size = 8, .steps = "call echo"},
    {.name = "bytes: a module cut off", .source = "\0asm\1\0\0\0\1\x20\1", .source_size = 11},
    {.name = "bytes: an unknown section", .source = "\0asm\1\0\0\0\x3f\1\0", .source_size = 11},
    {.name = "bytes: a custom section", .source = "\0asm\1\0\0\0\0\5\4name", .source_size = 15, .steps = "exists x"},
    {.name = "text: the smallest module", .source = "(module)", .steps = "exists x"},
    {.name = "text: a function",
     .source = "(module (func (export \"f\") (result i32) i32.const 3))",
     .steps = "call f"},
    {.name = "text: with a comment first", .source = ";; words\n(module)", .steps = "exists x"},
    {.name = "text: with a block comment first", .source = "(; words ;)(module)", .steps = "exists x"},
    {.name = "text: with white space first", .differs = DIFFERS_LENIENT, .source = "\n (module)", .steps = "exists x"},
    {.name = "text: with white space inside", .source = "( module)", .steps = "exists x"},
    {.name = "text: malformed", .source = "(module (func"},
    {.name = "text: invalid", .source = "(module (func (export \"f\") (result i32)))"},

    // JSON.
    {.name = "json: an empty object", .source = "{}"},
    {.name = "json: an array", .differs = DIFFERS_WORDS, .source = "[]"},
    {.name = "json: null", .source = "null"},
    {.name = "json: a number", .source = "7"},
    {.name = "json: cut off", .source = "{\"wasm\": ["},
    {.name = "json: a comma too many", .source = "{" WASM ",}"},
    {.name = "json: a comment", .source = "{/* words */" WASM "}"},
    {.name = "json: words after it", .source = "{" WASM "} and more"},
    {.name = "json: the smallest manifest", .source = "{" WASM "}", .steps = ECHO},
    {.name = "json: an unknown field", .source = "{" WASM ", \"more\": 1}"},
    {.name = "json: a field twice", .source = "{" WASM ", \"timeout_ms\": 1000, \"timeout_ms\": 2000}"},
    {.name = "json: a key of config twice",
     .differs = DIFFERS_STRICT,
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/config.wasm\"}], \"config\": {\"a\": \"1\", \"a\": \"2\"}}",
     .steps = "call config a"},
    {.name = "json: wasm is an object", .source = "{\"wasm\": {\"path\": \"$GUESTS/echo.wasm\"}}"},
    {.name = "json: wasm is null", .source = "{\"wasm\": null}"},
    {.name = "json: wasm is empty", .source = "{\"wasm\": []}"},
    {.name = "json: a module is a string", .source = "{\"wasm\": [\"$GUESTS/echo.wasm\"]}"},
    {.name = "json: a module is empty", .source = "{\"wasm\": [{}]}"},
    {.name = "json: a module's path is a number", .source = "{\"wasm\": [{\"path\": 7}]}"},
    {.name = "json: a module with an unknown field",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/echo.wasm\", \"more\": 1}]}",
     .steps = ECHO},
    {.name = "json: a module with a path and data",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/echo.wasm\", \"data\": \"AGFzbQEAAAA=\"}]}",
     .steps = ECHO},
    {.name = "json: a module that is not there", .source = "{\"wasm\": [{\"path\": \"/nowhere/at/all.wasm\"}]}"},
    {.name = "json: a module that is a folder", .source = "{\"wasm\": [{\"path\": \"$GUESTS\"}]}"},
    {.name = "json: a module that is no module", .source = "{\"wasm\": [{\"path\": \"/etc/passwd\"}]}"},
    {.name = "json: a module in text form by path",
     .source = "{\"wasm\": [{\"path\": \"" UBIQ_SOURCE_DIR "/test/guests/wat/empty.wat\"}]}",
     .steps = "exists x"},
    {.name = "json: data in base64", .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\"}]}", .steps = "exists x"},
    {.name = "json: data in base64 without padding", .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA\"}]}"},
    {.name = "json: data in base64 for URLs", .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAA_-\"}]}"},
    {.name = "json: data that is no base64", .source = "{\"wasm\": [{\"data\": \"!!!!\"}]}"},
    {.name = "json: data that is a text module",
     .source = "{\"wasm\": [{\"data\": \"KG1vZHVsZSk=\"}]}",
     .steps = "exists x"},
    {.name = "json: empty data", .source = "{\"wasm\": [{\"data\": \"\"}]}"},
    {.name = "json: data is null", .source = "{\"wasm\": [{\"data\": null}]}"},
    {.name = "json: data is a number", .source = "{\"wasm\": [{\"data\": 7}]}"},
    {.name = "json: data is a pointer without a length", .source = "{\"wasm\": [{\"data\": {\"ptr\": 8}}]}"},
    {.name = "json: a name that is a number", .source = "{\"wasm\": [{\"path\": \"$GUESTS/echo.wasm\", \"name\": 7}]}"},
    {.name = "json: a name that is null",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/echo.wasm\", \"name\": null}]}",
     .steps = ECHO},
    {.name = "json: one module of another name",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/echo.wasm\", \"name\": \"other\"}]}",
     .steps = ECHO},

    // Hashes.
    {.name = "hash: of another module",
     .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\", \"hash\": "
               "\"0000000000000000000000000000000000000000000000000000000000000000\"}]}"},
    {.name = "hash: right",
     .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\", \"hash\": "
               "\"93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476\"}]}",
     .steps = "exists x"},
    {.name = "hash: right, in capitals",
     .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\", \"hash\": "
               "\"93A44BBB96C751218E4C00D479E4C14358122A389ACCA16205B1E4D0DC5F9476\"}]}"},
    {.name = "hash: short", .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\", \"hash\": \"93a4\"}]}"},
    {.name = "hash: empty", .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\", \"hash\": \"\"}]}"},
    {.name = "hash: null", .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\", \"hash\": null}]}", .steps = "exists x"},
    {.name = "hash: a number", .source = "{\"wasm\": [{\"data\": \"AGFzbQEAAAA=\", \"hash\": 7}]}"},

    // Modules by URL.
    {.name = "url: a module that is not one", .source = "{\"wasm\": [{\"url\": \"http://127.0.0.1:$PORT/bytes/10\"}]}"},
    {.name = "url: nothing listens", .source = "{\"wasm\": [{\"url\": \"http://127.0.0.1:1/echo.wasm\"}]}"},
    {.name = "url: no URL", .source = "{\"wasm\": [{\"url\": \"no url\"}]}"},
    {.name = "url: another scheme", .source = "{\"wasm\": [{\"url\": \"ftp://127.0.0.1/echo.wasm\"}]}"},
    {.name = "url: a status that is an error",
     .source = "{\"wasm\": [{\"url\": \"http://127.0.0.1:$PORT/to/404/nowhere\"}]}"},
    {.name = "url: headers are an array",
     .source = "{\"wasm\": [{\"url\": \"http://127.0.0.1:$PORT/echo\", \"headers\": []}]}"},
    {.name = "url: a method that is a number",
     .source = "{\"wasm\": [{\"url\": \"http://127.0.0.1:$PORT/echo\", \"method\": 7}]}"},

    // Several modules.
    {.name = "modules: a library and a main module",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/lib.wasm\", \"name\": \"lib\"}, {\"path\": \"$GUESTS/main.wasm\", "
               "\"name\": \"main\"}]}",
     .steps = "call sum\ncall sum\ncall shout words\nexists add\nexists sum\ncall add"},
    {.name = "modules: the last one is main without a name",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/lib.wasm\", \"name\": \"lib\"}, {\"path\": \"$GUESTS/main.wasm\"}]}",
     .steps = "call sum"},
    {.name = "modules: the last one is main under another name",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/lib.wasm\", \"name\": \"lib\"}, {\"path\": \"$GUESTS/main.wasm\", "
               "\"name\": \"x\"}]}",
     .steps = "call sum"},
    {.name = "modules: main comes first",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/main.wasm\", \"name\": \"main\"}, {\"path\": \"$GUESTS/lib.wasm\", "
               "\"name\": \"lib\"}]}",
     .steps = "call sum"},
    {.name = "modules: two of one name",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/lib.wasm\", \"name\": \"lib\"}, {\"path\": \"$GUESTS/lib.wasm\", "
               "\"name\": \"lib\"}, {\"path\": \"$GUESTS/main.wasm\"}]}"},
    {.name = "modules: two without a name",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/echo.wasm\"}, {\"path\": \"$GUESTS/echo.wasm\"}]}"},
    {.name = "modules: the library is missing", .source = "{\"wasm\": [{\"path\": \"$GUESTS/main.wasm\"}]}"},
    {.name = "modules: one under the kernel's name",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/lib.wasm\", \"name\": \"extism:host/env\"}, {\"path\": "
               "\"$GUESTS/main.wasm\"}]}"},
    {.name = "modules: one that nobody imports from",
     .source = "{\"wasm\": [{\"path\": \"$GUESTS/hello.wasm\", \"name\": \"unused\"}, {\"path\": "
               "\"$GUESTS/echo.wasm\"}]}",
     .steps = ECHO},
    {.name = "modules: two that import from each other",
     .differs = DIFFERS_CYCLES,
     .source = "{\"wasm\": ["
               "{\"data\": \"KG1vZHVsZSAoaW1wb3J0ICJiIiAiZiIgKGZ1bmMpKSAoZnVuYyAoZXhwb3J0ICJmIikpKQ==\", \"name\": "
               "\"a\"}, "
               "{\"data\": \"KG1vZHVsZSAoaW1wb3J0ICJhIiAiZiIgKGZ1bmMpKSAoZnVuYyAoZXhwb3J0ICJmIikpKQ==\", \"name\": "
               "\"b\"}, {\"path\": \"$GUESTS/echo.wasm\"}]}"},

    // Memory.
    {.name = "memory: null", .source = "{" WASM ", \"memory\": null}"},
    {.name = "memory: empty", .source = "{" WASM ", \"memory\": {}}", .steps = ECHO},
    {.name = "memory: a number", .source = "{" WASM ", \"memory\": 7}"},
    {.name = "memory: an unknown field", .source = "{" WASM ", \"memory\": {\"more\": 1}}"},
    {.name = "memory: max_pages is a string", .source = "{" WASM ", \"memory\": {\"max_pages\": \"many\"}}"},
    {.name = "memory: max_pages is negative", .source = "{" WASM ", \"memory\": {\"max_pages\": -1}}"},
    {.name = "memory: max_pages is a fraction", .source = "{" WASM ", \"memory\": {\"max_pages\": 1.5}}"},
    {.name = "memory: max_pages is past 32 bits", .source = "{" WASM ", \"memory\": {\"max_pages\": 4294967296}}"},
    {.name = "memory: max_pages is past what there can be",
     .source = "{" WASM ", \"memory\": {\"max_pages\": 4294967295}}",
     .steps = ECHO},
    {.name = "memory: max_pages is null", .source = "{" WASM ", \"memory\": {\"max_pages\": null}}", .steps = ECHO},
    {.name = "memory: max_pages is 100", .source = "{" WASM ", \"memory\": {\"max_pages\": 100}}", .steps = ECHO},
    {.name = "memory: max_http_response_bytes is a string",
     .source = "{" WASM ", \"memory\": {\"max_http_response_bytes\": \"1\"}}"},
    {.name = "memory: max_http_response_bytes is null",
     .source = "{" WASM ", \"memory\": {\"max_http_response_bytes\": null}}",
     .steps = ECHO},
    {.name = "memory: max_var_bytes is true", .source = "{" WASM ", \"memory\": {\"max_var_bytes\": true}}"},
    {.name = "memory: max_var_bytes is null",
     .source = "{" WASM ", \"memory\": {\"max_var_bytes\": null}}",
     .steps = ECHO},

    // Config.
    {.name = "config: null", .source = "{" WASM ", \"config\": null}"},
    {.name = "config: an array", .source = "{" WASM ", \"config\": []}"},
    {.name = "config: empty", .source = "{" WASM ", \"config\": {}}", .steps = ECHO},
    {.name = "config: a number among its values", .source = "{" WASM ", \"config\": {\"a\": 1}}"},
    {.name = "config: null among its values", .source = "{" WASM ", \"config\": {\"a\": null}}"},

    // What is allowed.
    {.name = "allowed_hosts: null", .source = "{" WASM ", \"allowed_hosts\": null}", .steps = ECHO},
    {.name = "allowed_hosts: a string", .source = "{" WASM ", \"allowed_hosts\": \"*\"}"},
    {.name = "allowed_hosts: a number in it", .source = "{" WASM ", \"allowed_hosts\": [7]}"},
    {.name = "allowed_hosts: an object", .source = "{" WASM ", \"allowed_hosts\": {}}"},
    {.name = "allowed_paths: null", .source = "{" WASM ", \"allowed_paths\": null}", .steps = ECHO},
    {.name = "allowed_paths: an array", .source = "{" WASM ", \"allowed_paths\": []}"},
    {.name = "allowed_paths: a number in it", .source = "{" WASM ", \"allowed_paths\": {\"/tmp\": 7}}"},
    {.name = "allowed_paths: of a module without WASI",
     .source = "{" WASM ", \"allowed_paths\": {\"/nowhere/at/all\": \"/x\"}}",
     .steps = ECHO},

    // Timeouts.
    {.name = "timeout_ms: null", .source = "{" WASM ", \"timeout_ms\": null}", .steps = ECHO},
    {.name = "timeout_ms: a string", .source = "{" WASM ", \"timeout_ms\": \"1000\"}"},
    {.name = "timeout_ms: negative", .source = "{" WASM ", \"timeout_ms\": -1}"},
    {.name = "timeout_ms: a fraction", .source = "{" WASM ", \"timeout_ms\": 1.5}"},
    {.name = "timeout_ms: large", .source = "{" WASM ", \"timeout_ms\": 86400000}", .steps = ECHO},

    // TOML.
    {.name = "toml: a manifest",
     .source = "timeout_ms = 10000\n[[wasm]]\npath = \"$GUESTS/config.wasm\"\n[config]\na = \"1\"\n",
     .steps = "call config a"},
    {.name = "toml: an unknown field", .source = "more = 1\n[[wasm]]\npath = \"$GUESTS/echo.wasm\"\n"},
    {.name = "toml: a wrong type", .source = "timeout_ms = \"1\"\n[[wasm]]\npath = \"$GUESTS/echo.wasm\"\n"},
    {.name = "toml: no modules", .source = "timeout_ms = 1\n"},
};

const scenario_list manifest_scenarios = SCENARIO_LIST(scenarios);
