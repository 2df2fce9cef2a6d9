;; Asks for 62.5 MiB at once, before any code runs.
(module
  (memory (export "memory") 1000)
  (func (export "nothing") (result i32) (i32.const 0)))
