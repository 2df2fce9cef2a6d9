// A row for each section that is a list; element segments are lists of lists.
#include "engine/wasm/wasm_counts.h"

#include "engine/wasm/wasm_reader.h"

typedef struct count_row {
  const char *name; ///< NULL: there is no bound here
  uint32_t max;
} count_row;

static const count_row rows[WASM_SECTIONS] = {
    [WASM_SECTION_TYPE] = {"types", WASM_COUNT_TYPES_MAX},
    [WASM_SECTION_IMPORT] = {"imports", WASM_COUNT_ITEMS_MAX},
    [WASM_SECTION_FUNCTION] = {"functions", WASM_COUNT_FUNCTIONS_MAX},
    [WASM_SECTION_GLOBAL] = {"globals", WASM_COUNT_ITEMS_MAX},
    [WASM_SECTION_EXPORT] = {"exports", WASM_COUNT_ITEMS_MAX},
    [WASM_SECTION_ELEMENT] = {"element segments", WASM_COUNT_ELEMENT_SEGMENTS_MAX},
    [WASM_SECTION_DATA] = {"data segments", WASM_COUNT_DATA_SEGMENTS_MAX},
    [WASM_SECTION_TAG] = {"tags", WASM_COUNT_ITEMS_MAX},
};

static ubiq_error *check(const char *name, uint64_t count, uint32_t max) {
  if (count <= max) return NULL;
  return ubiq_error_new(UBIQ_TOO_LARGE, "it has %llu %s; at most %u are allowed", (unsigned long long)count, name, max);
}

/// Skips what stands in front of a segment's elements, and answers how many there are.
static uint32_t read_segment(wasm_reader *in, bool *has_expressions) {
  enum { IS_NOT_ACTIVE = 1, HAS_INDEX = 2, HAS_EXPRESSIONS = 4, KNOWN = 7 };
  uint32_t flags = wasm_read_u32(in);
  if (flags > KNOWN) wasm_reader_fail(in, "unknown kind of element segment");
  *has_expressions = (flags & HAS_EXPRESSIONS) != 0;
  bool is_active = (flags & IS_NOT_ACTIVE) == 0;
  if (is_active && (flags & HAS_INDEX) != 0) wasm_read_u32(in);
  if (is_active) wasm_read_skip_expression(in);
  bool has_type = (flags & (IS_NOT_ACTIVE | HAS_INDEX)) != 0;
  if (has_type && *has_expressions) wasm_read_value_type(in);
  if (has_type && !*has_expressions) wasm_read_byte(in);
  return wasm_read_u32(in);
}

/// The first count that is too high ends it, so that a number of elements that are not there costs nothing.
static ubiq_error *check_elements(wasm_reader *in) {
  uint64_t elements = 0;
  ubiq_error *error = NULL;
  for (uint32_t left = wasm_read_u32(in); left > 0 && error == NULL && !wasm_reader_failed(in); left--) {
    bool has_expressions;
    uint32_t count = read_segment(in, &has_expressions);
    elements += count;
    error = check("elements in its segments", elements, WASM_COUNT_ELEMENTS_MAX);
    for (; count > 0 && error == NULL && !wasm_reader_failed(in); count--)
      if (has_expressions)
        wasm_read_skip_expression(in);
      else
        wasm_read_u32(in);
  }
  return error;
}

static ubiq_error *check_section(const wasm_section_view *section) {
  const count_row *row = &rows[section->id];
  if (row->name == NULL) return NULL;
  wasm_reader in = section->body;
  ubiq_error *error = check(row->name, wasm_read_u32(&in), row->max);
  in = section->body;
  return error == NULL && section->id == WASM_SECTION_ELEMENT ? check_elements(&in) : error;
}

ubiq_error *wasm_check_counts(const uint8_t *bytes, size_t size) {
  wasm_reader sections = wasm_reader_open(bytes, size);
  wasm_section_view section;
  ubiq_error *error = NULL;
  while (error == NULL && wasm_reader_section(&sections, &section)) error = check_section(&section);
  return error;
}
