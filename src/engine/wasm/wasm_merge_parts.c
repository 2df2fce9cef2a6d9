// Reading one of the two modules that are merged.
#include "engine/wasm/wasm_merge_parts.h"

#include <stdlib.h>

uint32_t wasm_part_entries(const wasm_part *self, wasm_section id) {
  wasm_reader body = self->sections[id].body;
  return self->present[id] ? wasm_read_count(&body, UINT32_MAX) : 0;
}

uint32_t wasm_part_defined(const wasm_part *self) {
  return self->details.functions_count - (uint32_t)self->module->imports_count;
}

wasm_reader wasm_part_take_body(wasm_reader *in) {
  uint32_t size = wasm_read_count(in, UINT32_MAX);
  wasm_reader body = *in;
  body.end = body.at + size;
  wasm_read_skip(in, size);
  return body;
}

// Looks for the function names: those of the last name section. A malformed one has none; a custom section without a name
// makes a module malformed.
static ubiq_error *find_names(wasm_part *self, wasm_reader body) {
  enum { FUNCTION_NAMES = 1 };
  text section = wasm_read_name(&body);
  if (wasm_reader_failed(&body)) return wasm_reader_error(&body);
  if (section.size != 4 || memcmp(section.data, "name", 4) != 0) return NULL;
  while (!wasm_reader_failed(&body) && wasm_reader_left(&body) > 0) {
    uint8_t id = wasm_read_byte(&body);
    uint32_t size = wasm_read_u32(&body);
    const uint8_t *start = body.at;
    wasm_read_skip(&body, size);
    if (!wasm_reader_failed(&body) && id == FUNCTION_NAMES) self->names = (text){(const char *)start, size};
  }
  return NULL;
}

ubiq_error *wasm_part_read(wasm_part *self, const uint8_t *bytes, size_t size) {
  static const wasm_section spaces[WASM_SPACES] = {
      [WASM_SPACE_TABLE] = WASM_SECTION_TABLE,     [WASM_SPACE_GLOBAL] = WASM_SECTION_GLOBAL,
      [WASM_SPACE_TAG] = WASM_SECTION_TAG,         [WASM_SPACE_MEMORY] = WASM_SECTION_MEMORY,
      [WASM_SPACE_ELEMENT] = WASM_SECTION_ELEMENT, [WASM_SPACE_DATA] = WASM_SECTION_DATA,
  };
  ubiq_error *error = wasm_module_read_details(bytes, size, &self->module, &self->details);
  if (error != NULL) return error;
  wasm_reader reader = wasm_reader_open(bytes, size);
  wasm_section_view section;
  while (error == NULL && wasm_reader_section(&reader, &section)) {
    self->sections[section.id] = section;
    self->present[section.id] = true;
    if (section.id == WASM_SECTION_CUSTOM) error = find_names(self, section.body);
  }
  if (error != NULL) return error;
  for (int space = 0; space < WASM_SPACES; space++) self->to.count[space] = wasm_part_entries(self, spaces[space]);
  self->to.count[WASM_SPACE_TYPE] = self->details.types_count;
  self->to.functions_count = self->details.functions_count;
  self->functions = calloc((size_t)self->details.functions_count + 1, sizeof *self->functions);
  self->to.functions = self->functions;
  return self->functions != NULL ? NULL : ubiq_error_no_memory();
}

void wasm_part_free(wasm_part *self) {
  wasm_module_free(self->module);
  free(self->functions);
}
