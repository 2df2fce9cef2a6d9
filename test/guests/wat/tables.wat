;; A table of functions, exported, and calls through it that trap: an index past the end, an empty place, another type.
(module
  (type $answer (func (result i32)))
  (table $table (export "table") 8 16 funcref)
  (func $zero (export "zero") (result i32) (i32.const 0))
  (func $takes (param i64) (result i32) (i32.const 0))
  (elem (i32.const 0) $zero $takes)
  (func (export "call_good") (result i32) (call_indirect (type $answer) (i32.const 0)))
  (func (export "call_other_type") (result i32) (call_indirect (type $answer) (i32.const 1)))
  (func (export "call_empty") (result i32) (call_indirect (type $answer) (i32.const 2)))
  (func (export "call_past_end") (result i32) (call_indirect (type $answer) (i32.const 1000))))
