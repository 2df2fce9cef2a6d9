// The guests of invoke_host.c, one for each wire. `json` and `messagepack` send their input again and again, `once` does it once;
// `empty` calls a function that does nothing.
#ifndef BENCH_INVOKE_GUESTS_H
#define BENCH_INVOKE_GUESTS_H

enum { INVOKE_ROUNDS = 20000 };

// Rounds of BODY: as many as stand in $left.
#define INVOKE_AGAIN(body)                                                                                             \
  " (loop $again " body " (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br_if $again (local.get "       \
  "$left)))"

// 1 for the operation `once`, whose first letter is at PLACE.
#define INVOKE_COUNT(place)                                                                                            \
  " (local.set $left (select (i32.const 1) (i32.const 20000) (i32.eq (i32.load8_u " place ") (i32.const 111))))"

static const char invoke_extism[] =
    "(module"
    " (import \"extism:host/user\" \"InvokeHost\" (func $ask (param i32 i64) (result i64)))"
    " (import \"extism:host/user\" \"empty\" (func $empty (param i32 i64) (result i64)))"
    " (import \"extism:host/env\" \"input_offset\" (func $input (result i64)))"
    " (import \"extism:host/env\" \"free\" (func $free (param i64)))"
    " (func $rounds (param $format i32) (local $left i32) (local.set $left (i32.const 20000))" INVOKE_AGAIN(
        "(call $free (call $ask (local.get $format) (call $input)))") ")"
                                                                      " (func (export \"json\") (result i32) (call "
                                                                      "$rounds (i32.const 0)) (i32.const 0))"
                                                                      " (func (export \"messagepack\") (result i32) "
                                                                      "(call $rounds (i32.const 1)) (i32.const 0))"
                                                                      " (func (export \"once\") (result i32) (call "
                                                                      "$free (call $ask (i32.const 0) (call $input))) "
                                                                      "(i32.const 0))"
                                                                      " (func (export \"empty\") (result i32) (local "
                                                                      "$left i32) (local.set $left (i32.const "
                                                                      "20000))" INVOKE_AGAIN(
                                                                          "(drop (call $empty (i32.const 0) (call "
                                                                          "$input)))") " (i32.const 0)))";

// Room for the input is at 1024, for each answer at 8192.
static const char invoke_core[] =
    "(module (import \"ubiq:wire/host\" \"invoke\" (func $ask (param i32 i32 i32) (result i64)))"
    " (memory (export \"memory\") 1) (data (i32.const 16) \"{\\\"ok\\\":1}\") (global $room (mut i32) (i32.const 1024))"
    " (func (export \"ubiq_alloc\") (param i32) (result i32) (global.get $room) (global.set $room (i32.const 8192)))"
    " (func (export \"ubiq_free\") (param i32 i32) (global.set $room (i32.const 1024)))"
    " (func (export \"ubiq_handle\") (param $format i32) (param $op i32) (param i32) (param $in i32) (param $in_size "
    "i32)"
    "  (result i64) (local $left i32)"
    "  (local.set $format (i32.eq (i32.load8_u (local.get $op)) (i32.const 109)))" INVOKE_COUNT("(local.get $op)")
        INVOKE_AGAIN(
            "(drop (call $ask (local.get $format) (local.get $in) (local.get $in_size)))") " (i64.const "
                                                                                           "0x0000001000000008)))";

// A component of the world metatype:wit-wire, in which room is made again and again between 4 and 60 KiB.
static const char invoke_component[] =
    "(component"
    " (import \"metatype:wit-wire/typegate-wire\" (instance $wire (export \"hostcall\" (func"
    "  (param \"op-name\" string) (param \"json\" string) (result (result string (error string)))))))"
    " (type $info' (record (field \"op-name\" string) (field \"mat-title\" string) (field \"mat-hash\" string)"
    "  (field \"mat-data-json\" string))) (export $info \"mat-info\" (type $info'))"
    " (type $args' (record (field \"metatype-version\" string) (field \"expected-ops\" (list $info))))"
    " (export $args \"init-args\" (type $args'))"
    " (type $response' (record (field \"ok\" bool))) (export $response \"init-response\" (type $response'))"
    " (type $refusal' (variant (case \"version-mismatch\" string) (case \"unexpected-mat\" $info)"
    "  (case \"other\" string))) (export $refusal \"init-error\" (type $refusal'))"
    " (type $req' (record (field \"op-name\" string) (field \"in-json\" string)))"
    " (export $req \"handle-req\" (type $req'))"
    " (type $err' (variant (case \"no-handler\") (case \"in-json-err\" string) (case \"handler-err\" string)))"
    " (export $err \"handle-err\" (type $err'))"
    " (core module $libc (memory (export \"memory\") 1) (global $top (mut i32) (i32.const 4096))"
    "  (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)"
    "   (if (i32.gt_u (global.get $top) (i32.const 60000)) (then (global.set $top (i32.const 4096))))"
    "   (global.get $top)"
    "   (global.set $top (i32.and (i32.add (i32.add (global.get $top) (local.get 3)) (i32.const 7)) (i32.const -8)))))"
    " (core instance $libc (instantiate $libc))"
    " (core func $hostcall (canon lower (func $wire \"hostcall\") (memory (core memory $libc \"memory\"))"
    "  (realloc (core func $libc \"realloc\"))))"
    " (core module $main (import \"libc\" \"memory\" (memory 1))"
    "  (import \"host\" \"hostcall\" (func $hostcall (param i32 i32 i32 i32 i32)))"
    "  (data (i32.const 64) \"InvokeHost1\")"
    "  (func (export \"init\") (param i32 i32 i32 i32) (result i32)"
    "   (i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const 1)) (i32.const 0))"
    "  (func (export \"handle\") (param $op i32) (param i32) (param $in i32) (param $in_size i32) (result i32) (local "
    "$left i32)"
    "   (local $from i32) (local.set $from (i32.const 1024))"
    "   (memory.copy (local.get $from) (local.get $in) (local.get $in_size))" INVOKE_COUNT("(local.get $op)")
        INVOKE_AGAIN("(call $hostcall (i32.const 64) (i32.const 10) (local.get $from) (local.get $in_size) (i32.const "
                     "32))") "   (i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const 74))"
                             "   (i32.store (i32.const 24) (i32.const 1)) (i32.const 16)))"
                             " (core instance $main (instantiate $main (with \"libc\" (instance $libc))"
                             "  (with \"host\" (instance (export \"hostcall\" (func $hostcall))))))"
                             " (func $init (param \"args\" $args) (result (result $response (error $refusal)))"
                             "  (canon lift (core func $main \"init\") (memory (core memory $libc \"memory\"))"
                             "   (realloc (core func $libc \"realloc\"))))"
                             " (func $handle (param \"req\" $req) (result (result string (error $err)))"
                             "  (canon lift (core func $main \"handle\") (memory (core memory $libc \"memory\"))"
                             "   (realloc (core func $libc \"realloc\"))))"
                             " (instance $exports (export \"init\" (func $init)) (export \"handle\" (func $handle)))"
                             " (export \"metatype:wit-wire/mat-wire\" (instance $exports)))";

#endif
