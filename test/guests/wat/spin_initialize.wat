;; The same in `_initialize`, which the host calls before the first call.
(module
  (func (export "_initialize") (loop $forever (br $forever)))
  (func (export "never") (result i32) (i32.const 0)))
