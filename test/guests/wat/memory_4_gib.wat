;; Asks for all that 32 bits can address.
(module
  (memory (export "memory") 65536)
  (func (export "nothing") (result i32) (i32.const 0)))
