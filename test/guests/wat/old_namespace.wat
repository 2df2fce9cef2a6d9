;; A plugin from before Extism 1.0: the kernel's functions come from `env` and begin with `extism_`.
;; `echo` answers its input, `count` counts in the variable `n`, `configured` answers the config key `key`, `fail` fails.
(module
  (import "env" "extism_input_length" (func $input_length (result i64)))
  (import "env" "extism_input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "env" "extism_input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "env" "extism_output_set" (func $output_set (param i64 i64)))
  (import "env" "extism_error_set" (func $error_set (param i64)))
  (import "env" "extism_alloc" (func $alloc (param i64) (result i64)))
  (import "env" "extism_free" (func $free (param i64)))
  (import "env" "extism_length" (func $length (param i64) (result i64)))
  (import "env" "extism_load_u8" (func $load_u8 (param i64) (result i32)))
  (import "env" "extism_load_u64" (func $load_u64 (param i64) (result i64)))
  (import "env" "extism_store_u8" (func $store_u8 (param i64 i32)))
  (import "env" "extism_store_u64" (func $store_u64 (param i64 i64)))
  (import "env" "extism_config_get" (func $config_get (param i64) (result i64)))
  (import "env" "extism_var_get" (func $var_get (param i64) (result i64)))
  (import "env" "extism_var_set" (func $var_set (param i64 i64)))
  (import "env" "extism_http_request" (func $http_request (param i64 i64) (result i64)))
  (import "env" "extism_http_status_code" (func $http_status_code (result i32)))
  (import "env" "extism_log_info" (func $log_info (param i64)))
  (import "env" "extism_log_debug" (func $log_debug (param i64)))
  (import "env" "extism_log_warn" (func $log_warn (param i64)))
  (import "env" "extism_log_error" (func $log_error (param i64)))
  (memory (export "memory") 1)

  ;; A new block of up to eight bytes, given as a little-endian word.
  (func $short (param $word i64) (param $size i64) (result i64)
    (local $block i64) (local $i i64)
    (local.set $block (call $alloc (local.get $size)))
    (loop $next
      (call $store_u8
        (i64.add (local.get $block) (local.get $i))
        (i32.wrap_i64 (i64.shr_u (local.get $word) (i64.mul (local.get $i) (i64.const 8)))))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $i) (local.get $size))))
    (local.get $block))

  (func (export "echo") (result i32)
    (local $size i64) (local $block i64) (local $i i64)
    (local.set $size (call $input_length))
    (local.set $block (call $alloc (local.get $size)))
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $i) (local.get $size)))
        (call $store_u8
          (i64.add (local.get $block) (local.get $i))
          (call $input_load_u8 (local.get $i)))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br $next)))
    (call $output_set (local.get $block) (local.get $size))
    (i32.const 0))

  ;; Answers a digit: '1' at the first call, '2' at the second, ...
  (func (export "count") (result i32)
    (local $value i64) (local $digit i32)
    (local.set $digit (i32.const 49))
    (local.set $value (call $var_get (call $short (i64.const 0x6e) (i64.const 1))))
    (if (i64.ne (local.get $value) (i64.const 0))
      (then
        (local.set $digit (i32.add (call $load_u8 (local.get $value)) (i32.const 1)))
        (call $free (local.get $value))))
    (call $var_set
      (call $short (i64.const 0x6e) (i64.const 1))
      (call $short (i64.extend_i32_u (local.get $digit)) (i64.const 1)))
    (call $output_set (call $short (i64.extend_i32_u (local.get $digit)) (i64.const 1)) (i64.const 1))
    (i32.const 0))

  (func (export "configured") (result i32)
    (local $value i64)
    (local.set $value (call $config_get (call $short (i64.const 0x79656b) (i64.const 3))))
    (call $log_info (call $short (i64.const 0x6f666e69) (i64.const 4)))
    (call $output_set (local.get $value) (call $length (local.get $value)))
    (i32.const 0))

  ;; The error is "oops".
  (func (export "fail") (result i32)
    (call $error_set (call $short (i64.const 0x73706f6f) (i64.const 4)))
    (i32.const 1)))
