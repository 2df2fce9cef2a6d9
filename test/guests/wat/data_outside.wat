;; A data segment past the end of memory: instantiation traps.
(module
  (memory (export "memory") 1)
  (data (i32.const 65530) "past the end")
  (func (export "never") (result i32) (i32.const 0)))
