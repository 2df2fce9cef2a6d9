// Bounds on what a module has. Sections are written by hand: what stands behind a count that is too high is never needed.
#include "engine/wasm/wasm_counts.h"
#include "engine/wasm/wasm_reader.h"
#include "engine/wasm/wasm_writer.h"
#include "unit/base/testing.h"

#include <stdlib.h>

/// A module of one section, of which only the count is there.
static wasm_writer module_with(wasm_section id, uint32_t count) {
  wasm_writer module = {0}, body = {0};
  wasm_write_header(&module);
  wasm_write_u32(&body, count);
  wasm_write_section(&module, id, &body);
  buffer_free(&body.bytes);
  return module;
}

static void assert_counted(wasm_section id, uint32_t count, const char *message) {
  wasm_writer module = module_with(id, count);
  ubiq_error *error = wasm_check_counts(module.bytes.data, module.bytes.size);
  buffer_free(&module.bytes);
  if (message == NULL)
    assert_success(error);
  else
    assert_fails(error, UBIQ_TOO_LARGE, message);
}

static void each_list_has_a_bound(void **state) {
  (void)state;
  static const struct {
    wasm_section id;
    uint32_t max;
    const char *message;
  } rows[] = {
      {WASM_SECTION_TYPE, 50000, "it has 50001 types; at most 50000 are allowed"},
      {WASM_SECTION_IMPORT, 100000, "it has 100001 imports; at most 100000 are allowed"},
      {WASM_SECTION_FUNCTION, 200000, "it has 200001 functions; at most 200000 are allowed"},
      {WASM_SECTION_GLOBAL, 100000, "it has 100001 globals; at most 100000 are allowed"},
      {WASM_SECTION_EXPORT, 100000, "it has 100001 exports; at most 100000 are allowed"},
      {WASM_SECTION_ELEMENT, 10000, "it has 10001 element segments; at most 10000 are allowed"},
      {WASM_SECTION_DATA, 50000, "it has 50001 data segments; at most 50000 are allowed"},
      {WASM_SECTION_TAG, 100000, "it has 100001 tags; at most 100000 are allowed"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_counted(rows[i].id, rows[i].max, NULL);
    assert_counted(rows[i].id, rows[i].max + 1, rows[i].message);
  }
}

static void write_segment(wasm_writer *body, uint32_t flags, uint32_t elements) {
  wasm_write_u32(body, flags);
  if (flags == 1) wasm_write_byte(body, 0); // functions
  if (flags == 5) wasm_write_byte(body, 0x70);
  wasm_write_u32(body, elements);
  for (uint32_t i = 0; i < elements; i++) {
    static const uint8_t null_function[] = {0xd0, 0x70, 0x0b};
    if (flags == 5)
      wasm_write_bytes(body, null_function, sizeof null_function);
    else
      wasm_write_byte(body, 0);
  }
}

static ubiq_error *check_segments(uint32_t flags, uint32_t first, uint32_t second) {
  wasm_writer module = {0}, body = {0};
  wasm_write_header(&module);
  wasm_write_u32(&body, 2);
  write_segment(&body, flags, first);
  write_segment(&body, flags, second);
  wasm_write_section(&module, WASM_SECTION_ELEMENT, &body);
  ubiq_error *error = wasm_check_counts(module.bytes.data, module.bytes.size);
  buffer_free(&body.bytes);
  buffer_free(&module.bytes);
  return error;
}

static void elements_are_counted_over_all_segments(void **state) {
  (void)state;
  for (uint32_t flags = 1; flags <= 5; flags += 4) {
    assert_success(check_segments(flags, 400000, 100000));
    assert_fails(check_segments(flags, 400000, 100001), UBIQ_TOO_LARGE,
                 "it has 500001 elements in its segments; at most 500000 are allowed");
  }
}

static void active_segments_are_read_past_their_offsets(void **state) {
  (void)state;
  // Two segments: flags 0, i32.const 0, end, one function; flags 2 with a table, ..., elemkind, one function.
  static const uint8_t module[] = {0, 'a',  's', 'm', 1, 0, 0,    0, 9,    15, 2, 0, 0x41,
                                   0, 0x0b, 1,   0,   2, 0, 0x41, 0, 0x0b, 0,  1, 0};
  assert_success(wasm_check_counts(module, sizeof module));
}

static void what_is_malformed_is_left_to_who_reads_it(void **state) {
  (void)state;
  static const uint8_t cut[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 9, 4, 2, 0};
  static const uint8_t unknown[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 9, 3, 1, 0x7f, 0};
  assert_success(wasm_check_counts((const uint8_t *)"no module", 9));
  assert_success(wasm_check_counts(cut, sizeof cut));
  assert_success(wasm_check_counts(unknown, sizeof unknown));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_list_has_a_bound),
      cmocka_unit_test(elements_are_counted_over_all_segments),
      cmocka_unit_test(active_segments_are_read_past_their_offsets),
      cmocka_unit_test(what_is_malformed_is_left_to_who_reads_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
