// What merging makes of a module's parts, what it refuses, and what it does without memory.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "unit/base/alloc_failure.h"
#include "unit/engine/wasm/merge_testing.h"

static void imports_stand_in_tables_and_exports(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (type $f (func (param i32) (result i32)))"
                           " (import \"a\" \"read\" (func $read (param i32) (result i32)))"
                           " (import \"a\" \"seven\" (func $seven (result i32)))"
                           " (table 4 funcref)"
                           " (elem (i32.const 0) $read $own)"
                           " (elem (table 0) (i32.const 2) funcref (ref.func $own) (ref.func $read))"
                           " (global $g funcref (ref.func $read))"
                           " (export \"again\" (func $read))"
                           " (export \"direct\" (func $seven))"
                           " (func $own (type $f) (i32.add (local.get 0) (i32.const 1)))"
                           " (func (export \"at\") (param i32) (result i32)"
                           "  (call_indirect (type $f) (i32.const 8) (local.get 0)))"
                           " (func (export \"global\") (param i32) (result i32)"
                           "  (table.set (i32.const 1) (global.get $g))"
                           "  (call_indirect (type $f) (local.get 0) (i32.const 1))))");
  assert_int_equal(run(&world, "at", 0), 'h');
  assert_int_equal(run(&world, "at", 1), 9);
  assert_int_equal(run(&world, "at", 2), 9);
  assert_int_equal(run(&world, "at", 3), 'h');
  assert_int_equal(run(&world, "global", 9), 'u');
  assert_int_equal(run(&world, "again", 10), 'b');
  assert_int_equal(run(&world, "direct", 0), 7);
  world_close(&world);
}

static const char whole_language[] =
    "(module"
    " (type $pair (struct (field (mut i32)) (field i64)))"
    " (rec (type $node (struct (field (ref null $node)))) (type $list (array (mut (ref null $node)))))"
    " (type $bytes (array (mut i8)))"
    " (type $f (func (result i32)))"
    " (import \"a\" \"seven\" (func $seven (result i32)))"
    " (tag $e (param i32))"
    " (memory $one 1) (memory $two 1)"
    " (table $t 2 (ref null $f)) (table $u 1 externref)"
    " (elem $passive (ref null $f) (ref.func $seven) (ref.null $f))"
    " (elem declare func $own)"
    " (data $d \"abcd\")"
    " (global $count (mut i32) (i32.const 0))"
    " (global $pair (ref $pair) (struct.new $pair (i32.const 5) (i64.const 6)))"
    " (func $own (type $f) (i32.const 35))"
    " (func $tail (param $n i32) (result i32)"
    "  (if (i32.eqz (local.get $n)) (then (return_call $seven)))"
    "  (return_call $tail (i32.sub (local.get $n) (i32.const 1))))"
    " (func $throws (throw $e (i32.const 5)))"
    " (func (export \"run\") (result i32) (local $v v128) (local $r (ref null $f))"
    "  (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 2))"
    "  (elem.drop $passive)"
    "  (table.set $t (i32.const 1) (ref.func $own))"
    "  (memory.init $two $d (i32.const 0) (i32.const 0) (i32.const 4))"
    "  (data.drop $d)"
    "  (memory.copy $one $two (i32.const 0) (i32.const 0) (i32.const 4))"
    "  (memory.fill $two (i32.const 8) (i32.const 1) (i32.const 8))"
    "  (local.set $v (v128.const i32x4 1 2 3 4))"
    "  (local.set $v (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (local.get $v) (local.get $v)))"
    "  (v128.store $two (i32.const 16) (i32x4.add (local.get $v) (local.get $v)))"
    "  (v128.store32_lane $two 1 (i32.const 32) (local.get $v))"
    "  (drop (ref.cast (ref $bytes) (array.new_fixed $bytes 2 (i32.const 1) (i32.const 2))))"
    "  (drop (block $l (result (ref null $node))"
    "   (br_on_cast $l (ref null struct) (ref null $node) (struct.new $node (ref.null $node))) (drop) "
    "(ref.null $node)))"
    "  (drop (i32.trunc_sat_f64_s (f64.const 1e300)))"
    "  (drop (i32.extend8_s (i32.const 200)))"
    "  (block $caught (result i32)"
    "   (try_table (catch $e $caught) (call $throws)) (i32.const 0))"
    "  (global.set $count)"
    "  (block $out (block $two (block $one (br_table $one $two $out (i32.const 1)))))"
    "  (local.set $r (table.get $t (i32.const 0)))"
    "  (global.set $count (i32.add (global.get $count) (call_ref $f (ref.as_non_null (local.get $r)))))"
    "  (i32.add (global.get $count) (i32.add (call_indirect $t (type $f) (i32.const 1))"
    "   (i32.add (call $tail (i32.const 100000)) (struct.get $pair 0 (global.get $pair))))))"
    " (func (export \"loaded\") (result i32) (i32.add (i32.load8_u $two (i32.const 9)) (i32.load8_u "
    "(i32.const 3)))))";

static void a_guest_with_all_of_the_language_stays_valid(void **state) {
  (void)state;
  world world = world_open(whole_language);
  assert_int_equal(run(&world, "run", 0), 5 + 7 + 35 + 7 + 5);
  assert_int_equal(run(&world, "loaded", 0), 1 + 'd');
  world_close(&world);
}

static void exports_of_the_hub_have_the_prefix(void **state) {
  (void)state;
  wasm_module *module;
  bytes wasm = merge_text("(module (memory (export \"memory\") 1) (func (export \"read\")))");
  assert_success(wasm_module_read(wasm.data, wasm.size, &module));
  assert_int_equal(module->imports_count, 2);
  assert_int_equal(module->exports_count, 2 + 11 + 1); // and what puts back
  assert_int_equal(wasm_module_export(module, "memory")->index, 0);
  assert_int_equal(wasm_module_export(module, PREFIX "memory")->index, 1);
  assert_int_equal(wasm_module_export(module, "read")->signature.params_count, 0);
  assert_int_equal(wasm_module_export(module, PREFIX "read")->signature.params_count, 1);
  assert_int_equal(wasm_module_export(module, PREFIX "slot:late")->kind, WASM_GLOBAL);
  wasm_module_free(module);
  free(wasm.data);
}

static bool keeps_memory(const char *name) {
  return strcmp(name, "memory") == 0;
}

static void only_what_is_kept_of_the_hub_is_exported(void **state) {
  (void)state;
  wasm_module *module;
  bytes wasm;
  pair pair = pair_open("(module)");
  wasm_merge_request request = {.guest = pair.guest.data,
                                .guest_size = pair.guest.size,
                                .hub = pair.hub.data,
                                .hub_size = pair.hub.size,
                                .bindings = pair.bindings,
                                .prefix = PREFIX,
                                .keeps = keeps_memory};
  assert_success(wasm_merge(&request, &wasm.data, &wasm.size));
  assert_success(wasm_module_read(wasm.data, wasm.size, &module));
  assert_int_equal(module->exports_count, 1);
  wasm_module_free(module);
  free(wasm.data);
  pair_close(&pair);
}

static void assert_unfit(const char *guest_text, const char *part) {
  bytes merged;
  pair pair = pair_open(guest_text);
  ubiq_error *error = merge(&pair, &merged);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  if (strstr(ubiq_error_message(error), part) == NULL) fail_msg("%s", ubiq_error_message(error));
  ubiq_error_delete(error);
  pair_close(&pair);
}

static void what_cannot_be_merged_says_why(void **state) {
  (void)state;
  assert_unfit("(module (import \"a\" \"memory\" (memory 1)))", "not a function");
  assert_unfit("(module (func $f) (start $f))", "start section");
  assert_unfit("(module (func (export \"" PREFIX "read\")))", "kept for the host");
  assert_unfit("(module (import \"a\" \"absent\" (func)))", "import that the hub does not have");
  assert_unfit("(module (import \"a\" \"read\" (func)))", "import that the hub does not have");
  assert_unfit("(module (import \"a\" \"memory\" (func)))", "import that the hub does not have");
}

// In the merged module these would be the hub's.
static void a_guest_does_not_reach_the_hub_by_index(void **state) {
  (void)state;
  assert_unfit("(module (func (drop (i32.load (i32.const 0)))))", "memory index");
  assert_unfit("(module (memory 1) (func (drop (i32.load 1 (i32.const 0)))))", "memory index");
  assert_unfit("(module (memory 1) (func (memory.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 0))))",
               "memory index");
  assert_unfit("(module (memory 1) (func (drop (memory.grow 1 (i32.const 0)))))", "memory index");
  assert_unfit("(module (data (i32.const 0) \"x\"))", "memory index");
  assert_unfit("(module (memory 1) (data (memory 1) (i32.const 0) \"x\"))", "memory index");
  assert_unfit("(module (func (drop (global.get 0))))", "global index");
  assert_unfit("(module (func (global.set 1 (ref.null func))))", "global index");
  assert_unfit("(module (global i32 (global.get 1)))", "global index");
  assert_unfit("(module (func (call 3)))", "function index");
  assert_unfit("(module (table 1 funcref) (elem (i32.const 0) 3))", "function index");
  assert_unfit("(module (func (local (ref null 3))))", "type index");
  assert_unfit("(module (func data.drop 0))", "data segment index");
}

static void malformed_modules_are_refused_at_every_cut(void **state) {
  (void)state;
  pair pair = pair_open("(module (import \"a\" \"seven\" (func $s (result i32))) (memory 1) (table 1 funcref)"
                        " (global i32 (i32.const 1)) (elem (i32.const 0) $s) (data (i32.const 0) \"abc\")"
                        " (func (export \"f\") (result i32) (call $s)))");
  uint8_t *whole = pair.guest.data;
  for (size_t size = 0; size < pair.guest.size; size++) {
    struct pair cut = pair;
    bytes merged;
    cut.guest = (bytes){malloc(size ? size : 1), size};
    memcpy(cut.guest.data, whole, size);
    ubiq_error *error = merge(&cut, &merged);
    if (error == NULL) free(merged.data);
    ubiq_error_delete(error);
    free(cut.guest.data);
  }
  pair_close(&pair);
}

static void a_custom_section_without_a_name_is_refused(void **state) {
  (void)state;
  pair pair = pair_open("(module)");
  bytes merged;
  free(pair.guest.data);
  pair.guest = (bytes){malloc(10), 10};
  memcpy(pair.guest.data, "\0asm\1\0\0\0\0\0", 10);
  ubiq_error *error = merge(&pair, &merged);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
  pair_close(&pair);
}

static bool attempt_merge(void *state) {
  bytes merged;
  ubiq_error *error = merge(state, &merged);
  bool ok = error == NULL;
  free(merged.data);
  ubiq_error_delete(error);
  return ok;
}

static void without_memory_there_is_an_error_and_no_leak(void **state) {
  (void)state;
  pair pair =
      pair_open("(module (import \"a\" \"seven\" (func $s (result i32))) (memory 1) (data (i32.const 0) \"abc\")"
                " (func (export \"f\") (result i32) (call $s)))");
  assert_true(alloc_failure_sweep(attempt_merge, &pair) > 10);
  pair_close(&pair);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(imports_stand_in_tables_and_exports),
      cmocka_unit_test(a_guest_with_all_of_the_language_stays_valid),
      cmocka_unit_test(exports_of_the_hub_have_the_prefix),
      cmocka_unit_test(only_what_is_kept_of_the_hub_is_exported),
      cmocka_unit_test(what_cannot_be_merged_says_why),
      cmocka_unit_test(a_guest_does_not_reach_the_hub_by_index),
      cmocka_unit_test(malformed_modules_are_refused_at_every_cut),
      cmocka_unit_test(a_custom_section_without_a_name_is_refused),
      cmocka_unit_test(without_memory_there_is_an_error_and_no_leak),
  };
  return cmocka_run_group_tests(tests, open_engine, close_engine);
}
