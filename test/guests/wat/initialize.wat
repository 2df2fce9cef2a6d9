;; A reactor: `check` answers 0 when `_initialize` ran exactly once, and else how often it ran, or 100 for never.
(module
  (global $runs (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $runs (i32.add (global.get $runs) (i32.const 1))))
  (func (export "check") (result i32)
    (if (i32.eqz (global.get $runs)) (then (return (i32.const 100))))
    (if (result i32) (i32.eq (global.get $runs) (i32.const 1))
      (then (i32.const 0))
      (else (global.get $runs)))))
