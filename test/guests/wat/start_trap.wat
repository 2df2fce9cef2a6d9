;; A start function that traps.
(module
  (func $start (unreachable))
  (start $start)
  (func (export "never") (result i32) (i32.const 0)))
