;; A module with nothing but one function: no memory, no imports.
(module (func (export "nothing") (result i32) (i32.const 0)))
