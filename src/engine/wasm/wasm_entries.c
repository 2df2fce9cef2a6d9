// Copying the entries of a module's sections with the indices in them changed. See wasm_code.h.
#include "engine/wasm/wasm_code.h"

static void copy_function(wasm_copier *copier) {
  wasm_copy_index(copier, WASM_SPACE_TYPE);
}

static void copy_table(wasm_copier *copier) {
  enum { WITH_EXPRESSION = 0x40 };
  bool has_expression = wasm_reader_left(copier->in) > 0 && *copier->in->at == WITH_EXPRESSION;
  if (has_expression) wasm_read_skip(copier->in, 2);
  wasm_copy_value_type(copier);
  wasm_read_limits(copier->in);
  if (has_expression) wasm_copy_expression(copier);
}

static void copy_memory(wasm_copier *copier) {
  wasm_read_limits(copier->in);
}

static void copy_tag(wasm_copier *copier) {
  wasm_read_byte(copier->in);
  wasm_copy_index(copier, WASM_SPACE_TYPE);
}

static void copy_global(wasm_copier *copier) {
  wasm_copy_value_type(copier);
  wasm_read_byte(copier->in);
  wasm_copy_expression(copier);
}

static void copy_element(wasm_copier *copier) {
  enum { IS_NOT_ACTIVE = 1, HAS_INDEX = 2, HAS_EXPRESSIONS = 4, KNOWN = 7 };
  wasm_reader *in = copier->in;
  uint32_t flags = wasm_read_u32(in);
  if (flags > KNOWN) wasm_reader_fail(in, "unknown kind of element segment");
  bool is_active = (flags & IS_NOT_ACTIVE) == 0, has_expressions = (flags & HAS_EXPRESSIONS) != 0;
  if (is_active && (flags & HAS_INDEX) != 0) wasm_copy_index(copier, WASM_SPACE_TABLE);
  if (is_active && copier->to->count[WASM_SPACE_TABLE] == 0) wasm_reader_fail(in, "element segment of no table");
  if (is_active) wasm_copy_expression(copier);
  bool has_type = (flags & (IS_NOT_ACTIVE | HAS_INDEX)) != 0;
  if (has_type && has_expressions) wasm_copy_value_type(copier);
  if (has_type && !has_expressions) wasm_read_byte(in);
  for (uint32_t left = wasm_read_count(in, WASM_ITEMS_MAX * 10); left > 0 && !wasm_reader_failed(in); left--)
    if (has_expressions)
      wasm_copy_expression(copier);
    else
      wasm_copy_function_index(copier);
}

static void copy_data(wasm_copier *copier) {
  enum { PASSIVE = 1, KNOWN = 2 };
  wasm_reader *in = copier->in;
  uint8_t flags = wasm_reader_left(in) > 0 ? *in->at : 0;
  if (flags > KNOWN) wasm_reader_fail(in, "unknown kind of data segment");
  if (flags == PASSIVE) {
    wasm_read_byte(in);
  } else {
    wasm_copy_data_memory(copier);
    wasm_copy_expression(copier);
  }
  wasm_read_skip(in, wasm_read_u32(in));
}

typedef void (*copy_entry)(wasm_copier *);

static const copy_entry copies[WASM_SECTIONS] = {
    [WASM_SECTION_FUNCTION] = copy_function, [WASM_SECTION_TABLE] = copy_table,     [WASM_SECTION_MEMORY] = copy_memory,
    [WASM_SECTION_GLOBAL] = copy_global,     [WASM_SECTION_ELEMENT] = copy_element, [WASM_SECTION_DATA] = copy_data,
    [WASM_SECTION_TAG] = copy_tag,
};

void wasm_copy_entries(wasm_reader *body, wasm_section id, uint32_t count, wasm_writer *out,
                       const wasm_renumbering *to) {
  wasm_copier copier = wasm_copier_open(body, out, to);
  for (; count > 0 && !wasm_reader_failed(body); count--) copies[id](&copier);
  if (wasm_reader_left(body) > 0) wasm_reader_fail(body, "bytes behind the section's content");
  wasm_copy_flush(&copier);
}
