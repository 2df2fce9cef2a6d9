;; The start of a Haskell plugin: `_initialize` first, then `hs_init(0, 0)`; `__wasm_call_ctors` is not called. `check`
;; answers 0 when that is what happened, else a number that says what did not: 1 no _initialize, 2 no hs_init,
;; 3 the wrong order, 4 arguments that are not zero, 5 __wasm_call_ctors called.
(module
  (global $step (mut i32) (i32.const 0))
  (global $initialized (mut i32) (i32.const 0))
  (global $started (mut i32) (i32.const 0))
  (global $arguments (mut i32) (i32.const 0))
  (global $ctors (mut i32) (i32.const 0))
  (func $tick (result i32)
    (global.set $step (i32.add (global.get $step) (i32.const 1)))
    (global.get $step))
  (func (export "_initialize") (global.set $initialized (call $tick)))
  (func (export "__wasm_call_ctors") (global.set $ctors (call $tick)))
  (func (export "hs_init") (param i32 i32)
    (global.set $arguments (i32.or (local.get 0) (local.get 1)))
    (global.set $started (call $tick)))
  (func (export "check") (result i32)
    (if (i32.eqz (global.get $initialized)) (then (return (i32.const 1))))
    (if (i32.eqz (global.get $started)) (then (return (i32.const 2))))
    (if (i32.gt_u (global.get $initialized) (global.get $started)) (then (return (i32.const 3))))
    (if (global.get $arguments) (then (return (i32.const 4))))
    (if (global.get $ctors) (then (return (i32.const 5))))
    (i32.const 0)))
