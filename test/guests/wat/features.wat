;; One export a feature that today's compilers use. Each answers 0.
(module
  (memory 1)
  (table $refs 1 externref)
  (func $pair (result i32 i32) (i32.const 1) (i32.const 1))
  (func (export "multi_value") (result i32) (call $pair) (i32.sub))
  (func (export "sign_extension") (result i32) (i32.add (i32.extend8_s (i32.const 255)) (i32.const 1)))
  (func (export "saturating") (result i32) (i32.trunc_sat_f32_s (f32.const nan)))
  (func (export "bulk_memory") (result i32)
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 8))
    (memory.copy (i32.const 8) (i32.const 0) (i32.const 8))
    (i64.ne (i64.load (i32.const 8)) (i64.const 0x0101010101010101)))
  (func (export "reference_types") (result i32)
    (i32.eqz (ref.is_null (table.get $refs (i32.const 0)))))
  (func (export "simd") (result i32)
    (i32.sub
      (i32x4.extract_lane 2 (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 4 3 2 1)))
      (i32.const 5))))
