// Reading modules. Modules that are well formed are written as text and assembled by Wasmtime; malformed ones are bytes.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "unit/base/alloc_failure.h"
#include "unit/engine/wasm/wasm_testing.h"

#define HEADER "\0asm\1\0\0\0"

static void the_header_tells_modules_from_components(void **state) {
  (void)state;
  const uint8_t *module = (const uint8_t *)HEADER;
  const uint8_t *component = (const uint8_t *)"\0asm\x0d\0\1\0";
  assert_true(wasm_is_module(module, 8));
  assert_false(wasm_is_module(module, 7));
  assert_false(wasm_is_module(component, 8));
  assert_true(wasm_is_component(component, 8));
  assert_false(wasm_is_component(component, 7));
  assert_false(wasm_is_component(module, 8));
  assert_false(wasm_is_module(NULL, 0));
}

static void an_empty_module_has_nothing(void **state) {
  (void)state;
  wasm_module *module = read_text("(module)");
  assert_int_equal(module->imports_count, 0);
  assert_int_equal(module->exports_count, 0);
  assert_int_equal(module->memories_count, 0);
  assert_false(module->has_start);
  assert_null(wasm_module_export(module, "memory"));
  wasm_module_free(module);
}

static void imports_of_every_kind_are_read(void **state) {
  (void)state;
  wasm_module *module = read_text("(module"
                                  " (import \"a\" \"f\" (func (param i32 f32) (result i64)))"
                                  " (import \"a\" \"t\" (table 1 externref))"
                                  " (import \"b\" \"m\" (memory 2 3))"
                                  " (import \"b\" \"big\" (memory i64 4))"
                                  " (import \"b\" \"g\" (global (mut f64)))"
                                  " (import \"b\" \"c\" (global v128))"
                                  " (import \"c\" \"x\" (tag (param i32))))");
  const wasm_item *items = module->imports;
  assert_int_equal(module->imports_count, 7);
  assert_string_equal(items[0].module, "a");
  assert_string_equal(items[0].name, "f");
  assert_int_equal(items[0].kind, WASM_FUNCTION);
  assert_signature(&items[0].signature, "(i32, f32) -> i64");
  assert_int_equal(items[1].kind, WASM_TABLE);
  assert_int_equal(items[1].value_type, WASM_TYPE_EXTERNREF);
  assert_int_equal(items[2].kind, WASM_MEMORY);
  assert_int_equal(items[2].pages_min, 2);
  assert_int_equal(items[3].pages_min, 4);
  assert_int_equal(items[4].kind, WASM_GLOBAL);
  assert_int_equal(items[4].value_type, WASM_TYPE_F64);
  assert_true(items[4].is_mutable);
  assert_int_equal(items[5].value_type, WASM_TYPE_V128);
  assert_false(items[5].is_mutable);
  assert_int_equal(items[6].kind, WASM_TAG);
  assert_int_equal(module->memories_count, 0);
  assert_int_equal(module->memory_pages_min, 0);
  wasm_module_free(module);
}

static void exports_find_their_types_behind_the_imports(void **state) {
  (void)state;
  wasm_module *module = read_text("(module"
                                  " (import \"a\" \"f\" (func $f (param i32)))"
                                  " (import \"a\" \"g\" (global $g i32))"
                                  " (global $h (mut i64) (i64.const -5))"
                                  " (func $own (param i64 i64) (result f64) f64.const 0)"
                                  " (memory $m 1)"
                                  " (export \"imported\" (func $f)) (export \"own\" (func $own))"
                                  " (export \"memory\" (memory $m)) (export \"h\" (global $h))"
                                  " (export \"again\" (global $g)))");
  assert_export(module, "imported", "(i32) -> ()");
  assert_export(module, "own", "(i64, i64) -> f64");
  assert_int_equal(wasm_module_export(module, "own")->index, 1);
  assert_int_equal(wasm_module_export(module, "memory")->pages_min, 1);
  assert_int_equal(wasm_module_export(module, "h")->value_type, WASM_TYPE_I64);
  assert_true(wasm_module_export(module, "h")->is_mutable);
  assert_false(wasm_module_export(module, "again")->is_mutable);
  wasm_module_free(module);
}

static void type_indices_count_every_type_of_a_group(void **state) {
  (void)state;
  wasm_module *module =
      read_text("(module"
                " (type $s (struct (field i8) (field (mut i16)) (field (ref null func)) (field (mut externref))))"
                " (rec (type $a (array (mut i32))) (type $b (sub (func (param (ref $a)))))"
                "      (type $c (sub final $b (func (param (ref null any))))) )"
                " (type $plain (func (param funcref externref) (result i32 i64)))"
                " (import \"a\" \"c\" (func (type $c)))"
                " (func (export \"plain\") (type $plain) i32.const 1 i64.const 2))");
  assert_signature(&module->imports[0].signature, "(ref) -> ()");
  assert_int_equal(module->imports[0].type_index, 3);
  assert_export(module, "plain", "(funcref, externref) -> (i32, i64)");
  wasm_module_free(module);
}

static void initial_values_of_globals_and_tables_are_skipped(void **state) {
  (void)state;
  wasm_module *module =
      read_text("(module"
                " (type $s (struct (field i32))) (type $r (array i32))"
                " (import \"a\" \"n\" (global $n i32))"
                " (func $f)"
                " (table 1 1 (ref func) (ref.func $f))"
                " (table $t (export \"t\") 2 funcref)"
                " (elem declare func $f)"
                " (global i32 (i32.add (global.get $n) (i32.const -1)))"
                " (global i64 (i64.mul (i64.const 0x7fffffffffffffff) (i64.sub (i64.const 1) (i64.const 2))))"
                " (global f32 (f32.const 1)) (global f64 (f64.const 11))"
                " (global v128 (v128.const i64x2 11 11))"
                " (global funcref (ref.func $f)) (global externref (ref.null extern))"
                " (global (ref $s) (struct.new $s (i32.const 11)))"
                " (global (ref $s) (struct.new_default $s))"
                " (global (ref $r) (array.new_fixed $r 2 (i32.const 1) (i32.const 2)))"
                " (global (ref $r) (array.new $r (i32.const 1) (i32.const 2)))"
                " (global (ref $r) (array.new_default $r (i32.const 2)))"
                " (global (ref i31) (ref.i31 (i32.const 5)))"
                " (global (ref null any) (any.convert_extern (ref.null extern)))"
                " (global $last (export \"last\") (mut f32) (f32.const 0)))");
  assert_int_equal(wasm_module_export(module, "last")->value_type, WASM_TYPE_F32);
  assert_int_equal(wasm_module_export(module, "t")->value_type, WASM_TYPE_FUNCREF);
  wasm_module_free(module);
}

static void the_largest_size_that_a_table_begins_with_is_told(void **state) {
  (void)state;
  wasm_module *module = read_text(
      "(module (import \"a\" \"t\" (table 90 funcref)) (table 3 funcref) (table 70 80 externref) (table 5 funcref))");
  assert_int_equal(module->table_elements_min, 70);
  wasm_module_free(module);
}

static void pages_of_all_memories_are_counted(void **state) {
  (void)state;
  wasm_module *module = read_text("(module (memory 3) (memory 4 10) (memory i64 5) (memory 1 1 shared))");
  assert_int_equal(module->memories_count, 4);
  assert_int_equal(module->memory_pages_min, 13);
  wasm_module_free(module);
}

static void pages_of_other_sizes_are_counted_as_pages_of_64_kib(void **state) {
  (void)state;
  wasm_module *module = read_text("(module (memory (export \"m\") 65537 (pagesize 1)))");
  assert_int_equal(wasm_module_export(module, "m")->pages_min, 2);
  wasm_module_free(module);
}

static void memories_whose_sum_overflows_count_as_more_than_any_limit(void **state) {
  (void)state;
  static const char wasm[] = HEADER "\x05\x17\x02"
                                    "\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                    "\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  wasm_module *module;
  assert_success(wasm_module_read((const uint8_t *)wasm, sizeof wasm - 1, &module));
  assert_true(module->memory_pages_min == UINT64_MAX);
  wasm_module_free(module);
}

static void names_are_utf_8(void **state) {
  (void)state;
  wasm_module *module = read_text("(module (func (export \"gr\\c3\\bc\\c3\\9fe\")) (func (export \"\")))");
  assert_export(module,
                "gr\xc3\xbc\xc3\x9f"
                "e",
                "() -> ()");
  assert_export(module, "", "() -> ()");
  wasm_module_free(module);
}

static const struct {
  const char *data;
  size_t size;
  const char *message;
} malformed[] = {
#define CASE(data, message)                                                                                            \
  { data, sizeof(data) - 1, message }
    CASE("", "header, byte 0: not a WebAssembly module; expected the bytes \\0asm and version 1"),
    CASE("\0asm\2\0\0\0", "header, byte 0: not a WebAssembly module; expected the bytes \\0asm and version 1"),
    CASE("\0asm\x0d\0\1\0", "header, byte 0: a component; expected a core module"),
    CASE(HEADER "\x0e\x00", "section header, byte 8: unknown section id"),
    CASE(HEADER "\x01", "section header, byte 9: unexpected end"),
    CASE(HEADER "\x01\x05\x00", "section header, byte 10: section is longer than what is left of the module"),
    CASE(HEADER "\x01\xff\xff\xff\xff\x10", "section header, byte 14: number over 32 bits"),
    CASE(HEADER "\x01\xff\xff\xff\xff\xff\x00", "section header, byte 14: number over 32 bits"),
    CASE(HEADER "\x01\x01\x00\x01\x01\x00", "type section, byte 13: section twice or out of order"),
    CASE(HEADER "\x03\x01\x00\x01\x01\x00", "type section, byte 13: section twice or out of order"),
    CASE(HEADER "\x01\x02\x00\x00", "type section, byte 11: bytes behind the section's content"),
    CASE(HEADER "\x01\x01\x7f", "type section, byte 11: more elements than the section has bytes"),
    CASE(HEADER "\x01\x02\x01\x61", "type section, byte 12: unknown form of type"),
    CASE(HEADER "\x01\x04\x01\x60\x01\x01", "type section, byte 14: unknown value type"),
    CASE(HEADER "\x01\x05\x01\x60\x01\x64\x40", "type section, byte 15: unknown heap type"),
    CASE(HEADER "\x02\x06\x01\x02"
                "a\0\x00\x00",
         "import section, byte 12: name with a NUL character"),
    CASE(HEADER "\x02\x05\x01\x01\xff\x00\x00", "import section, byte 12: name that is not UTF-8"),
    CASE(HEADER "\x02\x05\x01\x00\x00\x05\x00", "import section, byte 14: unknown kind of import or export"),
    CASE(HEADER "\x02\x05\x01\x00\x00\x00\x00", "import section, byte 15: type index out of range"),
    CASE(HEADER "\x02\x06\x01\x00\x00\x03\x7f\x02", "import section, byte 16: malformed mutability"),
    CASE(HEADER "\x02\x06\x01\x00\x00\x02\x10\x00", "import section, byte 15: unknown kind of limits"),
    CASE(HEADER "\x01\x03\x01\x5f\x00\x03\x02\x01\x00",
         "function section, byte 17: a type that is not a function type"),
    CASE(HEADER "\x05\x04\x01\x08\x01\x1d", "memory section, byte 14: page size over 64 KiB"),
    CASE(HEADER "\x04\x04\x02\x70\x00\x00", "table section, byte 14: unexpected end"),
    CASE(HEADER "\x06\x04\x01\x7f\x00\x20", "global section, byte 14: unknown instruction in a constant expression"),
    CASE(HEADER "\x06\x03\x01\x7f\x00", "global section, byte 13: unexpected end"),
    CASE(HEADER "\x07\x04\x01\x00\x00\x00", "export section, byte 14: export of something that does not exist"),
    CASE(HEADER "\x08\x01\x00", "start section, byte 11: start function that does not exist"),
    CASE(HEADER "\x01\x05\x01\x60\x01\x7f\x00\x03\x02\x01\x00\x08\x01\x00",
         "start section, byte 22: start function with parameters or results; expected () -> ()"),
#undef CASE
};

static void malformed_modules_are_errors_that_name_the_place(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
    char message[256];
    wasm_module *module;
    bytes wasm = copy_of(malformed[i].data, malformed[i].size);
    snprintf(message, sizeof message, "WebAssembly module: %s", malformed[i].message);
    assert_fails(wasm_module_read(wasm.data, wasm.size, &module), UBIQ_INVALID_INPUT, message);
    free(wasm.data);
  }
}

// Reads and lifts; whatever comes of it, it must not touch what is not the module's, nor leak.
static void try_bytes(const uint8_t *data, size_t size) {
  bytes wasm = copy_of(data, size);
  wasm_module *module = NULL;
  ubiq_error *error = wasm_module_read(wasm.data, wasm.size, &module);
  uint8_t *lifted = NULL;
  size_t lifted_size;
  ubiq_error *lift_error = wasm_lift_start(wasm.data, wasm.size, &lifted, &lifted_size);
  if (error != NULL) assert_non_null(lift_error);
  ubiq_error_delete(error);
  ubiq_error_delete(lift_error);
  wasm_module_free(module);
  free(lifted);
  free(wasm.data);
}

static void no_cut_of_a_module_is_read_beyond_its_end(void **state) {
  (void)state;
  bytes wasm = assemble(rich);
  for (size_t size = 0; size <= wasm.size; size++) try_bytes(wasm.data, size);
  free(wasm.data);
}

static void no_changed_byte_makes_the_reader_leave_the_module(void **state) {
  (void)state;
  static const uint8_t values[] = {0x00, 0x01, 0x3f, 0x40, 0x60, 0x7f, 0x80, 0xff};
  bytes wasm = assemble(rich);
  for (size_t at = 0; at < wasm.size; at++) {
    uint8_t kept = wasm.data[at];
    for (size_t i = 0; i < sizeof values; i++) {
      wasm.data[at] = values[i];
      try_bytes(wasm.data, wasm.size);
    }
    wasm.data[at] = kept;
  }
  free(wasm.data);
}

static void signatures_are_equal_when_their_types_are(void **state) {
  (void)state;
  static const wasm_type types[] = {WASM_TYPE_I32, WASM_TYPE_I64, WASM_TYPE_I32};
  const wasm_signature a = {types, types, 2, 1};
  const wasm_signature same = {types, types + 2, 2, 1};
  const wasm_signature longer = {types, types, 3, 1};
  const wasm_signature other = {types + 1, types, 2, 1};
  const wasm_signature none = {0};
  assert_true(wasm_signature_equal(&a, &same));
  assert_false(wasm_signature_equal(&a, &longer));
  assert_false(wasm_signature_equal(&a, &other));
  assert_false(wasm_signature_equal(&a, &none));
  assert_true(wasm_signature_equal(&none, &none));
}

static void a_printed_signature_is_cut_at_the_end_of_its_room(void **state) {
  (void)state;
  static const wasm_type types[] = {WASM_TYPE_I32, WASM_TYPE_V128, WASM_TYPE_OTHER};
  const wasm_signature signature = {types, types, 3, 2};
  char text[64];
  wasm_signature_print(&signature, text, sizeof text);
  assert_string_equal(text, "(i32, v128, ref) -> (i32, v128)");
  wasm_signature_print(&signature, text, 8);
  assert_string_equal(text, "(i32, v");
  wasm_signature_print(&signature, text, 1);
  assert_string_equal(text, "");
  text[0] = 'x';
  wasm_signature_print(&signature, text, 0);
  assert_int_equal(text[0], 'x');
}

static bool attempt_read(void *user) {
  const bytes *wasm = user;
  wasm_module *module = NULL;
  ubiq_error *error = wasm_module_read(wasm->data, wasm->size, &module);
  bool ok = error == NULL;
  if (ok) wasm_module_free(module);
  ubiq_error_delete(error);
  return ok;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  bytes wasm = assemble(rich);
  assert_true(alloc_failure_sweep(attempt_read, &wasm) > 2);
  free(wasm.data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_header_tells_modules_from_components),
      cmocka_unit_test(an_empty_module_has_nothing),
      cmocka_unit_test(imports_of_every_kind_are_read),
      cmocka_unit_test(exports_find_their_types_behind_the_imports),
      cmocka_unit_test(type_indices_count_every_type_of_a_group),
      cmocka_unit_test(initial_values_of_globals_and_tables_are_skipped),
      cmocka_unit_test(the_largest_size_that_a_table_begins_with_is_told),
      cmocka_unit_test(pages_of_all_memories_are_counted),
      cmocka_unit_test(pages_of_other_sizes_are_counted_as_pages_of_64_kib),
      cmocka_unit_test(memories_whose_sum_overflows_count_as_more_than_any_limit),
      cmocka_unit_test(names_are_utf_8),
      cmocka_unit_test(malformed_modules_are_errors_that_name_the_place),
      cmocka_unit_test(no_cut_of_a_module_is_read_beyond_its_end),
      cmocka_unit_test(no_changed_byte_makes_the_reader_leave_the_module),
      cmocka_unit_test(signatures_are_equal_when_their_types_are),
      cmocka_unit_test(a_printed_signature_is_cut_at_the_end_of_its_room),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
