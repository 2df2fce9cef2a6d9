;; Exports with names that need care where they are printed, quoted or looked up.
(module
  (func (export "") (result i32) (i32.const 0))
  (func (export "a b/c?d=\"e\"") (result i32) (i32.const 0))
  (func (export "\e6\97\a5\e6\9c\ac\e8\aa\9e") (result i32) (i32.const 0))
  (func (export "line\nbreak") (result i32) (i32.const 0))
  (func (export "nul\00inside") (result i32) (i32.const 1)))
