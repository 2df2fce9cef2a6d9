;; Imports that nobody provides: unknown names in known modules, unknown modules, a name that another version of Extism had,
;; every kind of import. One error must list them all with their types.
(module
  (import "extism:host/env" "alloc" (func (param i64) (result i64)))
  (import "extism:host/env" "teleport" (func (param i64 f32) (result i64)))
  (import "extism:host/env" "http_stream" (func (param i64 i64 i32) (result i64)))
  (import "extism:host/user" "nobody_home" (func (param i32)))
  (import "env" "extism_teleport" (func (result i32)))
  (import "env" "emscripten_notify_memory_growth" (func (param i32)))
  (import "wasi_snapshot_preview1" "sock_teleport" (func (param i32) (result i32)))
  (import "wasi_unstable" "sock_accept" (func (param i32 i32 i32) (result i32)))
  (import "some-lib" "memory" (memory 1))
  (import "some-lib" "table" (table 1 funcref))
  (import "some-lib" "global" (global (mut f64)))
  (import "" "" (func))
  (func (export "never") (result i32) (i32.const 0)))
