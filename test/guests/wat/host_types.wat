;; Host functions with every type of value. Each export calls one and answers 0 when the result is right.
(module
  (import "extism:host/user" "host_i32" (func $host_i32 (param i32) (result i32)))
  (import "extism:host/user" "host_i64" (func $host_i64 (param i64) (result i64)))
  (import "extism:host/user" "host_f32" (func $host_f32 (param f32) (result f32)))
  (import "extism:host/user" "host_f64" (func $host_f64 (param f64) (result f64)))
  (import "extism:host/user" "host_nothing" (func $host_nothing))
  (import "extism:host/user" "host_mixed" (func $host_mixed (param i32 i64 f32 f64) (result f64)))
  (import "my/namespace" "host_pair" (func $host_pair (param i64) (result i32 f64)))

  ;; The first four answer their argument plus one.
  (func (export "call_i32") (result i32)
    (i32.ne (call $host_i32 (i32.const -42)) (i32.const -41)))
  (func (export "call_i64") (result i32)
    (i64.ne (call $host_i64 (i64.const 0x7ffffffffffffffe)) (i64.const 0x7fffffffffffffff)))
  (func (export "call_f32") (result i32)
    (f32.ne (call $host_f32 (f32.const 0.5)) (f32.const 1.5)))
  (func (export "call_f64") (result i32)
    (f64.ne (call $host_f64 (f64.const -0.25)) (f64.const 0.75)))
  (func (export "call_nothing") (result i32)
    (call $host_nothing)
    (i32.const 0))
  ;; Answers the sum of its arguments.
  (func (export "call_mixed") (result i32)
    (f64.ne
      (call $host_mixed (i32.const -1) (i64.const 2000000000) (f32.const 0.5) (f64.const 0.25))
      (f64.const 1999999999.75)))
  ;; Answers the argument as i32 and its half as f64.
  (func (export "call_pair") (result i32)
    (local $half f64)
    (call $host_pair (i64.const 7))
    (local.set $half)
    (i32.const 7)
    (i32.ne)
    (f64.ne (local.get $half) (f64.const 3.5))
    (i32.or)))
