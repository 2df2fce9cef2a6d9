// Guarded copies of modules: when they ask, what stays as it was, and what is refused. They run on the default engine.
#include "engine/wasm_guard.h"
#include "engine_testing.h"

#include <dirent.h>
#include <stdio.h>

enum { TABLE_MAX = 10 };

static engine *one_engine;
static engine_image *one_image; // of open_text, until end_store

// What the host of a test does and counts.
typedef struct asking {
  int asked;
  int32_t answer; // 0: an error
} asking;

static ubiq_error *answer(void *env, engine_call *call, engine_value *values) {
  (void)call;
  asking *self = env;
  self->asked++;
  values[0].i32 = self->answer;
  return self->answer ? NULL : ubiq_error_new(UBIQ_TIMEOUT, "enough");
}

static ubiq_error *seven(void *env, engine_call *call, engine_value *values) {
  (void)env;
  (void)call;
  values[0].i32 = 7;
  return NULL;
}

static const wasm_import_name check = {"host", "check"};

static ubiq_error *guard_bytes(const uint8_t *wasm, size_t size, const wasm_import_name *asks, uint8_t **out,
                               size_t *out_size) {
  static const wasm_import_name names[] = {{"host", "0"}, {"host", "1"}, {"host", "2"}, {"host", "3"}};
  wasm_guard_request request = {
      .wasm = wasm, .size = size, .imports = names, .check = asks, .table_elements_max = TABLE_MAX};
  return wasm_guard(&request, out, out_size);
}

static engine_store *open_text(const char *text, asking *asking) {
  static const wasm_type i32 = WASM_TYPE_I32;
  static const wasm_signature to_i32 = {.results = &i32, .results_count = 1};
  engine_host_function hosts[] = {
      {.module = "host", .name = "check", .signature = &to_i32, .call = answer, .env = asking},
      {.module = "host", .name = "0", .signature = &to_i32, .call = seven}};
  uint8_t *wasm = NULL, *guarded = NULL;
  size_t size = 0, guarded_size = 0;
  engine_link_module module = {0};
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  assert_success(guard_bytes(wasm, size, &check, &guarded, &guarded_size));
  assert_success(engine_compile(one_engine, guarded, guarded_size, &module.module));
  engine_link link = {.modules = &module, .modules_count = 1, .functions = hosts, .functions_count = 2};
  assert_success(engine_link_modules(one_engine, &link, &one_image));
  engine_module_delete(module.module);
  engine_store *store = new_store(one_image, NULL);
  free(guarded);
  free(wasm);
  traps_restore();
  return store;
}

static void end_store(engine_store *store) {
  engine_store_delete(store);
  engine_image_delete(one_image);
}

static int32_t call(engine_store *store, const char *name, int32_t argument) {
  engine_function function = find_function(store, name);
  engine_value value = {.i32 = argument};
  assert_success(engine_call_now(store, &function, &value, 1));
  return value.i32;
}

static void loops_ask_when_they_have_counted_to_zero(void **state) {
  (void)state;
  asking asking = {.answer = 9};
  engine_store *store =
      open_text("(module (func (export \"turns\") (param i32) (result i32) (local $done i32) (loop $more "
                "(local.set $done (i32.add (local.get $done) (i32.const 1))) (br_if $more (i32.lt_s (local.get $done) "
                "(local.get 0)))) (local.get $done)))",
                &asking);
  assert_int_equal(call(store, "turns", 1), 1);
  assert_int_equal(asking.asked, 1); // it begins at zero
  assert_int_equal(call(store, "turns", 9), 9);
  assert_int_equal(asking.asked, 1);
  assert_int_equal(call(store, "turns", 1000), 1000);
  assert_int_equal(asking.asked, 1 + 1000 / 10);
  end_store(store);
}

static void functions_that_call_others_count_and_those_that_do_not_do_not(void **state) {
  (void)state;
  asking asking = {.answer = 9};
  engine_store *store = open_text(
      "(module (func $leaf (export \"leaf\") (param i32) (result i32) (local.get 0)) (func $down (export \"down\") "
      "(param i32) (result i32) (if (result i32) (local.get 0) (then (return_call $down (i32.sub (local.get 0) "
      "(i32.const 1)))) (else (i32.const 5)))))",
      &asking);
  for (int i = 0; i < 20; i++) assert_int_equal(call(store, "leaf", i), i);
  assert_int_equal(asking.asked, 0);
  assert_int_equal(call(store, "down", 99), 5);
  assert_int_equal(asking.asked, 10);
  end_store(store);
}

static void ranges_count_more_than_turns(void **state) {
  (void)state;
  asking asking = {.answer = 10 * WASM_GUARD_BULK};
  engine_store *store = open_text(
      "(module (memory 1) (table $t 2 funcref) (elem $e funcref) (data $d \"\") (func (export \"fill\") (param i32) "
      "(result i32) (loop $more (memory.fill (i32.const 0) (i32.const 7) (i32.const 100)) (memory.copy (i32.const 200) "
      "(i32.const 0) (i32.const 100)) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0)) (table.fill $t "
      "(i32.const 0) (ref.null func) (i32.const 2)) (table.copy (i32.const 0) (i32.const 0) (i32.const 0)) (table.init "
      "$t $e (i32.const 0) (i32.const 0) (i32.const 0)) (br_if $more (local.tee 0 (i32.sub (local.get 0) "
      "(i32.const 1))))) (i32.load8_u (i32.const 299))))",
      &asking);
  assert_int_equal(call(store, "fill", 100), 7);
  assert_in_range(asking.asked, 55, 65);
  end_store(store);
}

static void ranges_count_by_their_length(void **state) {
  (void)state;
  asking asking = {.answer = 65536 / WASM_GUARD_RANGE + WASM_GUARD_BULK - 1};
  engine_store *store =
      open_text("(module (memory 1) (func (export \"fill\") (param i32) (result i32) (memory.fill (i32.const 0) "
                "(i32.const 7) (local.get 0)) (memory.fill (i32.const 0) (i32.const 8) (local.get 0)) (memory.fill "
                "(i32.const 0) (i32.const 9) (local.get 0)) (i32.load8_u (i32.const 9))))",
                &asking);
  assert_int_equal(call(store, "fill", 65536), 9);
  assert_int_equal(asking.asked, 3);
  assert_int_equal(call(store, "fill", 0), 9);
  assert_int_equal(call(store, "fill", 10), 9);
  assert_int_equal(asking.asked, 3);
  end_store(store);
}

#define TEN(code) code code code code code code code code code code

// A function of `count` times `code`, that answers its argument.
static engine_store *open_repeated(const char *code, size_t count, asking *asking) {
  static char text[65536];
  size_t size = (size_t)snprintf(text, sizeof text,
                                 "(module (func $leaf) (memory 1) (func (export \"f\") (param i32) (result i32)");
  for (size_t i = 0; i < count; i++) size += (size_t)snprintf(text + size, sizeof text - size, " %s", code);
  snprintf(text + size, sizeof text - size, " (local.get 0)))");
  return open_text(text, asking);
}

static void code_without_loops_counts_when_it_is_long(void **state) {
  (void)state;
  static const struct {
    const char *code;
    size_t count;
    int least, most; // how often it asks, where two counts are a question
  } cases[] = {
      {"nop", WASM_GUARD_STRAIGHT - 2, 0, 0},
      {"nop", WASM_GUARD_STRAIGHT * 20, 9, 11},
      {"(call $leaf)", 80, 10, 12},
      {"(drop (memory.grow (i32.const 0)))", 80, 9, 11},
      {TEN("nop ") TEN("nop ") TEN("nop ") "(if (i32.const 0) (then " TEN("nop ") TEN("nop ") TEN("nop ") "))", 40, 9,
       20},
      {TEN("nop ") TEN("nop ") TEN("nop ") "(block (br 0) " TEN("nop ") TEN("nop ") TEN("nop ") ")", 40, 9, 20},
      {TEN("nop ") "(if (i32.const 1) (then nop) (else " TEN("nop ") TEN("nop ") TEN("nop ") TEN("nop ") "))", 120, 9,
       60},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    asking asking = {.answer = 1};
    engine_store *store = open_repeated(cases[i].code, cases[i].count, &asking);
    assert_int_equal(call(store, "f", 5), 5);
    assert_in_range(asking.asked, cases[i].least, cases[i].most);
    end_store(store);
  }
}

static void whoever_asks_may_be_ended(void **state) {
  (void)state;
  asking asking = {0};
  engine_store *store = open_text("(module (func (export \"spin\") (loop (br 0))))", &asking);
  engine_function function = find_function(store, "spin");
  assert_fails(engine_call_now(store, &function, NULL, 0), UBIQ_TIMEOUT, "enough");
  end_store(store);
}

static void loops_with_parameters_keep_them(void **state) {
  (void)state;
  asking asking = {.answer = 3};
  engine_store *store = open_text(
      "(module (func (export \"sum\") (param i32) (result i32) (i32.const 0) (loop $more (param i32) (result i32) "
      "(local.get 0) i32.add (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $more))))",
      &asking);
  assert_int_equal(call(store, "sum", 10), 55);
  end_store(store);
}

// Functions move by one: imports, calls, elements, references and exports must still mean the same ones.
static void functions_are_the_same_wherever_they_are_named(void **state) {
  (void)state;
  asking asking = {.answer = 1000};
  engine_store *store = open_text(
      "(module (import \"a\" \"b\" (func $seven (result i32))) (type $t (func (result i32))) (table 4 funcref) "
      "(global $g funcref (ref.func $two)) (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const "
      "2))"
      " (elem (i32.const 0) $seven $one $two) (elem declare func $one) (export \"imported\" (func $seven)) "
      "(func (export \"indirect\") (param i32) (result i32) (call_indirect (type $t) (local.get 0))) "
      "(func (export \"direct\") (param i32) (result i32) (i32.add (call $seven) (call $two))) "
      "(func (export \"reference\") (param i32) (result i32) (table.set (i32.const 3) (ref.func $one)) "
      "(table.set (i32.const 0) (global.get $g)) (i32.add (i32.mul (i32.const 10) (call_indirect (type $t) "
      "(i32.const 3))) (call_indirect (type $t) (i32.const 0)))))",
      &asking);
  static const int32_t expected[] = {7, 1, 2};
  for (int32_t i = 0; i < 3; i++) assert_int_equal(call(store, "indirect", i), expected[i]);
  assert_int_equal(call(store, "direct", 0), 9);
  assert_int_equal(call(store, "reference", 0), 12);
  assert_int_equal(call(store, "imported", 0), 7);
  end_store(store);
}

static void tables_grow_to_the_limit_or_their_own(void **state) {
  (void)state;
  asking asking = {.answer = 1000};
  engine_store *store = open_text(
      "(module (table $a 1 funcref) (table $b 1 3 externref) (table $c 12 funcref) (func (export \"a\") (param i32) "
      "(result i32) (table.grow $a (ref.null func) (local.get 0))) (func (export \"b\") (param i32) (result i32) "
      "(table.grow $b (ref.null extern) (local.get 0))) (func (export \"c\") (param i32) (result i32) (table.grow $c "
      "(ref.null func) (local.get 0))))",
      &asking);
  assert_int_equal(call(store, "a", TABLE_MAX - 1), 1);
  assert_int_equal(call(store, "a", 1), -1);
  assert_int_equal(call(store, "b", 3), -1);
  assert_int_equal(call(store, "b", 2), 1);
  assert_int_equal(call(store, "c", 1), -1);
  end_store(store);
}

static void a_module_that_is_not_to_ask_gets_names_alone(void **state) {
  (void)state;
  static const char text[] = "(module (import \"a\" \"f\" (func)) (import \"a\" \"m\" (memory 1)) (import \"b\" \"t\" "
                             "(table 1 funcref)) (import \"b\" \"g\" (global (mut i64))) (func (loop)))";
  uint8_t *wasm = NULL, *out = NULL;
  size_t size = 0, out_size = 0;
  wasm_module *module = NULL;
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  assert_success(guard_bytes(wasm, size, NULL, &out, &out_size));
  assert_success(engine_validate(out, out_size));
  assert_success(wasm_module_read(out, out_size, &module));
  assert_int_equal(module->imports_count, 4);
  for (size_t i = 0; i < 4; i++) assert_string_equal(module->imports[i].module, "host");
  assert_string_equal(module->imports[3].name, "3");
  assert_true(module->imports[3].is_mutable && module->imports[3].value_type == WASM_TYPE_I64);
  wasm_module_free(module);
  free(out);
  free(wasm);
}

static void a_module_cut_short_anywhere_is_refused_or_copied(void **state) {
  (void)state;
  static const char text[] =
      "(module (import \"a\" \"f\" (func (result i32))) (memory 1) (table 2 funcref) (elem (i32.const 0) 0) (global "
      "i32 "
      "(i32.const 1)) (data (i32.const 0) \"abc\") (func (export \"x\") (loop (drop (call 0)) (br 0))))";
  uint8_t *wasm = NULL;
  size_t size = 0;
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  for (size_t cut = 0; cut < size; cut++) {
    uint8_t *out = NULL, *copy = malloc(cut ? cut : 1);
    size_t out_size = 0;
    memcpy(copy, wasm, cut);
    ubiq_error *error = guard_bytes(copy, cut, &check, &out, &out_size);
    assert_true(!error || ubiq_error_code(error) == UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
    free(error ? NULL : out);
    free(copy);
  }
  free(wasm);
}

static size_t guard_guest(const char *path) {
  static wasm_import_name names[1000];
  static uint8_t wasm[16 << 20];
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t size = fread(wasm, 1, sizeof wasm, file), out_size = 0;
  fclose(file);
  for (size_t i = 0; i < 1000; i++) names[i] = check;
  uint8_t *out = NULL;
  wasm_module *module = NULL;
  ubiq_error *unreadable = engine_validate(wasm, size);
  if (!unreadable) unreadable = wasm_module_read(wasm, size, &module);
  wasm_module_free(unreadable ? NULL : module);
  ubiq_error_delete(unreadable);
  if (unreadable) return 0; // some guests are meant to be
  wasm_guard_request request = {
      .wasm = wasm, .size = size, .imports = names, .check = &check, .table_elements_max = 100000};
  assert_success(wasm_guard(&request, &out, &out_size));
  ubiq_error *error = engine_validate(out, out_size);
  if (error) fail_msg("%s: %s", path, ubiq_error_message(error));
  free(out);
  return 1;
}

static void guests_are_valid_when_they_are_guarded(void **state) {
  (void)state;
  size_t count = 0;
  DIR *folder = opendir(UBIQ_GUESTS_DIR);
  if (!folder) skip();
  for (const struct dirent *entry; (entry = readdir(folder));) {
    char path[4096];
    const char *suffix = strrchr(entry->d_name, '.');
    snprintf(path, sizeof path, "%s/%s", UBIQ_GUESTS_DIR, entry->d_name);
    if (suffix && strcmp(suffix, ".wasm") == 0) count += guard_guest(path);
  }
  closedir(folder);
  assert_true(count > 10);
}

int main(void) {
  assert_success(engine_open(test_ops(), &(engine_options){0}, &one_engine));
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loops_ask_when_they_have_counted_to_zero),
      cmocka_unit_test(functions_that_call_others_count_and_those_that_do_not_do_not),
      cmocka_unit_test(ranges_count_more_than_turns),
      cmocka_unit_test(ranges_count_by_their_length),
      cmocka_unit_test(code_without_loops_counts_when_it_is_long),
      cmocka_unit_test(whoever_asks_may_be_ended),
      cmocka_unit_test(loops_with_parameters_keep_them),
      cmocka_unit_test(functions_are_the_same_wherever_they_are_named),
      cmocka_unit_test(tables_grow_to_the_limit_or_their_own),
      cmocka_unit_test(a_module_that_is_not_to_ask_gets_names_alone),
      cmocka_unit_test(a_module_cut_short_anywhere_is_refused_or_copied),
      cmocka_unit_test(guests_are_valid_when_they_are_guarded),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
