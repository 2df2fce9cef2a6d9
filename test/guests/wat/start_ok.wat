;; A start function, `_initialize` and `__wasm_call_ctors` that each note that they ran. `order` answers the notes:
;; "start,ctors", because a host calls `__wasm_call_ctors` rather than `_initialize` where both are there.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "start,ctors,initialize,")
  (global $used (mut i32) (i32.const 0))

  (func $note (param $from i32) (param $size i32)
    (memory.copy (i32.add (i32.const 256) (global.get $used)) (local.get $from) (local.get $size))
    (global.set $used (i32.add (global.get $used) (local.get $size))))

  (func $start (call $note (i32.const 0) (i32.const 6)))
  (start $start)
  (func (export "__wasm_call_ctors") (call $note (i32.const 6) (i32.const 6)))
  (func (export "_initialize") (call $note (i32.const 12) (i32.const 11)))

  (func (export "order") (result i32)
    (local $block i64) (local $size i32) (local $i i32)
    (local.set $size (i32.sub (global.get $used) (i32.const 1)))
    (local.set $block (call $alloc (i64.extend_i32_u (local.get $size))))
    (loop $next
      (call $store_u8
        (i64.add (local.get $block) (i64.extend_i32_u (local.get $i)))
        (i32.load8_u (i32.add (i32.const 256) (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $size))))
    (call $output_set (local.get $block) (i64.extend_i32_u (local.get $size)))
    (i32.const 0)))
