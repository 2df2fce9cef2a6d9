;; Of 17 pages: traps of several kinds that have nothing to do with memory, and a growth by 120 pages.
(module
  (memory (export "memory") 17)
  (table 1 funcref)
  (func (export "nothing"))
  (func (export "divide") (drop (i32.div_u (i32.const 1) (i32.const 0))))
  (func (export "bounds") (drop (i32.load (i32.const 99999999))))
  (func (export "indirect") (call_indirect (i32.const 0)))
  (func $deep (export "deep") (call $deep))
  (func (export "unreachable") unreachable)
  (func (export "must_grow") (if (i32.eq (memory.grow (i32.const 120)) (i32.const -1)) (then unreachable)))
  (func (export "grow_and_divide") (drop (memory.grow (i32.const 120))) (drop (i32.div_u (i32.const 1) (i32.const 0)))))
