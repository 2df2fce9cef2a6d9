;; Asks for the kernel's memory itself, which no plugin may have.
(module
  (import "extism:host/env" "memory" (memory 1))
  (func (export "never") (result i32) (i32.load (i32.const 0))))
