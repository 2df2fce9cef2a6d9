;; A program of before preview 1: says where standard output stands (nowhere), then a word.
(module
  (import "wasi_unstable" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\04\00\00\00old\n")
  (func (export "_start")
    (if (i32.ne (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 2) (i32.const 16)) (i32.const 70))
      (then unreachable))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))
