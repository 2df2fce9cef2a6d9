;; A start function that never ends: instantiation itself must be stopped by the limits.
(module
  (func $start (loop $forever (br $forever)))
  (start $start)
  (func (export "never") (result i32) (i32.const 0)))
