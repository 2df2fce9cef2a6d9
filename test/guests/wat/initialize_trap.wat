;; `_initialize` traps.
(module
  (func (export "_initialize") (unreachable))
  (func (export "never") (result i32) (i32.const 0)))
