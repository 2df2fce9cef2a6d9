// Limits put into modules: what the copy is, what it refuses, and how deep calls nest.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "base/file.h"
#include "unit/base/alloc_failure.h"
#include "unit/engine/wasm/fence_testing.h"

#include <dirent.h>
#include <stdio.h>

static void assert_refused(const bytes *wasm, const char *why) {
  bytes out;
  ubiq_error *error = fence(wasm, true, false, &out);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  if (!strstr(ubiq_error_message(error), why)) fail_msg("%s", ubiq_error_message(error));
  ubiq_error_delete(error);
}

static void code_does_what_it_did(void **state) {
  (void)state;
  for (int counts_stack = 0; counts_stack < 2; counts_stack++) {
    world world = world_open(
        "(module (table 4 funcref) (elem (i32.const 0) $id $twice) (type $t (func (param i32) (result i32)))"
        " (func $id (param i32) (result i32) (local.get 0))"
        " (func $twice (param i32) (result i32) (i32.add (call $id (local.get 0)) (call $id (local.get 0))))"
        " (func $two (param i32) (result i32 i32) (call $id (local.get 0)) (call $twice (local.get 0)))"
        " (func $early (param i32) (result i32)"
        "  (if (i32.eq (local.get 0) (i32.const 1)) (then (return (call $id (i32.const 10)))))"
        "  (br_if 0 (i32.const 20) (i32.eq (local.get 0) (i32.const 2))) (drop)"
        "  (drop (block (result i32) (br_table 1 0 (i32.const 7) (i32.sub (local.get 0) (i32.const 3)))))"
        "  (return_call $twice (local.get 0)))"
        " (func (export \"early\") (param i32) (result i32) (call $early (local.get 0)))"
        " (func (export \"two\") (param i32) (result i32) (i32.mul (call $two (local.get 0))))"
        " (func (export \"indirect\") (param i32) (result i32) (call_indirect (type $t) (i32.const 21) (local.get 0)))"
        " (func (export \"sum\") (param i32) (result i32) (i32.const 0) (loop $more (param i32) (result i32)"
        "  (local.get 0) i32.add (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $more))))",
        counts_stack);
    assert_int_equal(call(&world, "early", 1), 10);
    assert_int_equal(call(&world, "early", 2), 20);
    assert_int_equal(call(&world, "early", 3), 7);
    assert_int_equal(call(&world, "early", 4), 8);
    assert_int_equal(call(&world, "two", 5), 50);
    assert_int_equal(call(&world, "indirect", 0), 21);
    assert_int_equal(call(&world, "indirect", 1), 42);
    assert_int_equal(call(&world, "sum", 100), 5050);
    assert_int_equal(host(&world, "stack", 0), 1000); // all of it was given back
    assert_int_equal(host(&world, "calls", 0), 0);
    world_close(&world);
  }
}

// Functions move by one: imports, calls, elements, references and exports must still mean the same ones.
static void functions_are_the_same_wherever_they_are_named(void **state) {
  (void)state;
  world world = world_open_with(
      "(module (import \"a\" \"b\" (func $seven (result i32))) (import \"a\" \"c\" (func $also (result i32)))"
      " (type $t (func (result i32))) (table 4 funcref) (global $g funcref (ref.func $two))"
      " (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))"
      " (elem (i32.const 0) $seven $one $two) (elem declare func $one) (export \"imported\" (func $also))"
      " (func (export \"indirect\") (param i32) (result i32) (call_indirect (type $t) (local.get 0)))"
      " (func (export \"direct\") (param i32) (result i32) (i32.add (call $seven) (call $two)))"
      " (func (export \"reference\") (param i32) (result i32) (table.set (i32.const 3) (ref.func $one))"
      "  (table.set (i32.const 0) (global.get $g)) (i32.add (i32.mul (i32.const 10) (call_indirect (type $t)"
      "  (i32.const 3))) (call_indirect (type $t) (i32.const 0)))))",
      false, 2);
  static const int32_t expected[] = {7, 1, 2};
  for (int32_t i = 0; i < 3; i++) assert_int_equal(call(&world, "indirect", i), expected[i]);
  assert_int_equal(call(&world, "direct", 0), 9);
  assert_int_equal(call(&world, "reference", 0), 12);
  assert_int_equal(call(&world, "imported", 0), 7);
  world_close(&world);
}

static void calls_may_nest_as_deep_as_the_stack_allows(void **state) {
  (void)state;
  // A frame has a parameter, two values at most, and 4 beside.
  world world = world_open("(module (func $down (export \"down\") (param i32) (result i32)"
                           " (if (result i32) (local.get 0)"
                           "  (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))"
                           "  (else (i32.const 0)))))",
                           true);
  enum { FRAME = 4 + 1 + 3 };
  host(&world, "stack", 50 * FRAME);
  assert_int_equal(call(&world, "down", 49), 49);
  must_trap(&world, "down", 50);
  assert_int_equal(host(&world, "stack", 50 * FRAME), -FRAME);
  assert_int_equal(call(&world, "down", 49), 49);
  world_close(&world);
}

static void locals_and_values_count(void **state) {
  (void)state;
  char text[8192];
  size_t used = (size_t)snprintf(text, sizeof text,
                                 "(module (func $leaf (result i32) (i32.const 1))"
                                 " (func (export \"locals\") (param i32) (result i32) (local i64 i64 i64 i64) (call "
                                 "$leaf)) (func (export \"values\") (param i32) (result i32) ");
  for (int i = 0; i < 100; i++) used += (size_t)snprintf(text + used, sizeof text - used, "(i32.const 1) ");
  used += (size_t)snprintf(text + used, sizeof text - used, "(call $leaf) ");
  for (int i = 0; i < 100; i++) used += (size_t)snprintf(text + used, sizeof text - used, "(i32.add) ");
  snprintf(text + used, sizeof text - used, "))");
  world world = world_open(text, true);
  host(&world, "stack", 4 + 5 + 1);
  assert_int_equal(call(&world, "locals", 0), 1);
  host(&world, "stack", 4 + 5);
  must_trap(&world, "locals", 0);
  host(&world, "stack", 4 + 1 + 101);
  assert_int_equal(call(&world, "values", 0), 101);
  host(&world, "stack", 4 + 1 + 100);
  must_trap(&world, "values", 0);
  world_close(&world);
}

static void tail_calls_need_no_stack(void **state) {
  (void)state;
  world world = world_open("(module (func $down (export \"down\") (param i32) (result i32)"
                           " (if (result i32) (local.get 0)"
                           "  (then (return_call $down (i32.sub (local.get 0) (i32.const 1))))"
                           "  (else (i32.const 5)))))",
                           true);
  assert_int_equal(call(&world, "down", 100000), 5);
  host(&world, "due", INT32_MAX);
  host(&world, "most", 1);
  must_trap(&world, "down", 100000); // a loop all the same
  world_close(&world);
}

static void too_many_locals_are_refused(void **state) {
  (void)state;
  // (func (local i32 x 50001))
  static const uint8_t wasm[] = {0, 'a', 's', 'm', 1,  0, 0, 0, 1, 4,    1,    0x60, 0,    0,
                                 3, 2,   1,   0,   10, 8, 1, 6, 1, 0xd1, 0x86, 0x03, 0x7f, 0x0b};
  bytes given = {(uint8_t *)wasm, sizeof wasm}, out;
  assert_error_code(fence(&given, true, true, &out), UBIQ_INVALID_INPUT);
}

static void names_of_what_is_added_are_refused(void **state) {
  (void)state;
  bytes wasm = assemble("(module (func (export \"ubiq:due\")))");
  assert_refused(&wasm, "kept for the host");
  free(wasm.data);
}

// Invalid modules whose indices would be those of what is added: functions, tables, memories, globals, types.
static void what_is_added_is_out_of_reach(void **state) {
  (void)state;
  enum { CODE_AT = 23, SECTION_SIZE_AT = 19, BODY_SIZE_AT = 21, CODE_MAX = 6 };
  static const struct {
    size_t size;
    uint8_t code[CODE_MAX];
  } reaching[] = {
      {3, {0x10, 1, 0x0b}},        // call
      {3, {0x10, 2, 0x0b}},        // call
      {3, {0x12, 1, 0x0b}},        // return_call
      {4, {0x11, 1, 0, 0x0b}},     // call_indirect
      {4, {0xd2, 1, 0x1a, 0x0b}},  // ref.func
      {4, {0x23, 0, 0x1a, 0x0b}},  // global.get
      {4, {0x02, 1, 0x0b, 0x0b}},  // block
      {4, {0x3f, 0, 0x1a, 0x0b}},  // memory.size
      {3, {0x40, 0, 0x0b}},        // memory.grow
      {4, {0xfc, 11, 0, 0x0b}},    // memory.fill
      {5, {0xfc, 10, 0, 0, 0x0b}}, // memory.copy
      {4, {0xfc, 15, 0, 0x0b}},    // table.grow
      {5, {0xfc, 14, 0, 0, 0x0b}}, // table.copy
  };
  for (size_t i = 0; i < sizeof reaching / sizeof *reaching; i++) {
    uint8_t wasm[CODE_AT + CODE_MAX] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 0, 1, 0, 0};
    memcpy(wasm + CODE_AT, reaching[i].code, CODE_MAX);
    wasm[SECTION_SIZE_AT] = (uint8_t)(reaching[i].size + 3);
    wasm[BODY_SIZE_AT] = (uint8_t)(reaching[i].size + 1);
    bytes given = {wasm, CODE_AT + reaching[i].size};
    assert_refused(&given, "out of range");
  }
}

static void memories_of_other_kinds_are_refused(void **state) {
  (void)state;
  static const char *const texts[] = {"(module (memory i64 1))", "(module (import \"a\" \"b\" (memory i64 1)))",
                                      "(module (table i64 1 funcref))"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    bytes wasm = assemble(texts[i]);
    assert_refused(&wasm, "64 bits");
    free(wasm.data);
  }
}

static void a_module_that_is_not_to_ask_gets_names_alone(void **state) {
  (void)state;
  bytes out, wasm = assemble("(module (import \"a\" \"f\" (func)) (import \"a\" \"m\" (memory 1))"
                             " (import \"b\" \"t\" (table 1 funcref)) (import \"b\" \"g\" (global (mut i64)))"
                             " (func (loop)) (start 1))");
  wasm_module *module = NULL;
  assert_success(fence(&wasm, false, false, &out));
  assert_success(engine_validate(out.data, out.size));
  assert_success(wasm_module_read(out.data, out.size, &module));
  assert_int_equal(module->imports_count, 4);
  assert_int_equal(module->exports_count, 0);
  for (size_t i = 0; i < 4; i++) assert_string_equal(module->imports[i].module, "host");
  assert_string_equal(module->imports[3].name, "3");
  assert_true(module->imports[3].is_mutable && module->imports[3].value_type == WASM_TYPE_I64);
  wasm_module_free(module);
  free(out.data);
  free(wasm.data);
}

static void a_module_cut_short_anywhere_is_refused_or_copied(void **state) {
  (void)state;
  bytes wasm =
      assemble("(module (import \"a\" \"f\" (func (result i32))) (memory 1) (table 2 funcref) (elem (i32.const 0) 0)"
               " (global i32 (i32.const 1)) (data (i32.const 0) \"abc\") (func (export \"x\") (loop (drop (call 0))"
               " (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (br 0))))");
  for (size_t cut = 0; cut < wasm.size; cut++) {
    bytes out, copy = {malloc(cut ? cut : 1), cut};
    memcpy(copy.data, wasm.data, cut);
    ubiq_error *error = fence(&copy, true, cut % 2, &out);
    assert_true(!error || ubiq_error_code(error) == UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
    free(out.data);
    free(copy.data);
  }
  free(wasm.data);
}

// Some guests are malformed on purpose.
static bool is_core_module(const buffer *wasm) {
  wasm_module *module = NULL;
  ubiq_error *error = wasm_is_module(wasm->data, wasm->size) ? engine_validate(wasm->data, wasm->size) : NULL;
  if (!error && wasm_is_module(wasm->data, wasm->size)) error = wasm_module_read(wasm->data, wasm->size, &module);
  wasm_module_free(module);
  ubiq_error_delete(error);
  return module != NULL;
}

static void assert_stays_valid(const char *name, const buffer *wasm, bool counts_stack) {
  static wasm_import_name names[1000];
  static const wasm_import_name ask = {"host", "ask"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) names[i] = ask;
  wasm_fence_request request = {
      .wasm = wasm->data, .size = wasm->size, .imports = names, .ask = &ask, .counts_stack = counts_stack};
  bytes out = {0};
  ubiq_error *error = wasm_fence(&request, &out.data, &out.size);
  if (!error) error = engine_validate(out.data, out.size);
  if (error) fail_msg("%s: %s", name, ubiq_error_message(error));
  free(out.data);
}

static void every_guest_stays_valid(void **state) {
  (void)state;
  size_t count = 0;
  DIR *entries = opendir(UBIQ_GUESTS_DIR);
  if (!entries) skip();
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    char path[1024];
    buffer wasm = {0};
    const char *suffix = strrchr(entry->d_name, '.');
    if (!suffix || strcmp(suffix, ".wasm") != 0) continue;
    snprintf(path, sizeof path, "%s/%s", UBIQ_GUESTS_DIR, entry->d_name);
    assert_success(file_read_all(path, SIZE_MAX, &wasm));
    bool is_one = is_core_module(&wasm);
    for (int counts_stack = 0; is_one && counts_stack < 2; counts_stack++)
      assert_stays_valid(entry->d_name, &wasm, counts_stack);
    count += is_one;
    buffer_free(&wasm);
  }
  closedir(entries);
  if (count == 0) skip();
}

static bool attempt(void *user) {
  bytes out;
  ubiq_error *error = fence(user, true, true, &out);
  bool ok = error == NULL;
  free(out.data);
  ubiq_error_delete(error);
  return ok;
}

static void running_out_of_memory_is_an_error(void **state) {
  (void)state;
  bytes wasm = assemble("(module (memory 1) (table 1 funcref) (func $f (param i32) (result i32 i32) (local i64)"
                        " (loop (br_if 0 (memory.grow (local.get 0)))) (call $f (i32.const 1)))"
                        " (func (param i32) (memory.fill (i32.const 0) (i32.const 0) (local.get 0))))");
  assert_true(alloc_failure_sweep(attempt, &wasm) > 5);
  free(wasm.data);
}

int main(void) {
  if (engine_open(test_ops(), &(engine_options){0}, &one_engine)) return 1;
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(code_does_what_it_did),
      cmocka_unit_test(functions_are_the_same_wherever_they_are_named),
      cmocka_unit_test(calls_may_nest_as_deep_as_the_stack_allows),
      cmocka_unit_test(locals_and_values_count),
      cmocka_unit_test(tail_calls_need_no_stack),
      cmocka_unit_test(too_many_locals_are_refused),
      cmocka_unit_test(names_of_what_is_added_are_refused),
      cmocka_unit_test(what_is_added_is_out_of_reach),
      cmocka_unit_test(memories_of_other_kinds_are_refused),
      cmocka_unit_test(a_module_that_is_not_to_ask_gets_names_alone),
      cmocka_unit_test(a_module_cut_short_anywhere_is_refused_or_copied),
      cmocka_unit_test(every_guest_stays_valid),
      cmocka_unit_test(running_out_of_memory_is_an_error),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
