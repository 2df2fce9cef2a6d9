// The WasmEdge adapter: the names of a module's imports. WasmEdge finds what an import leads to by them alone.
#include "engine/wasm_writer.h"
#include "engine/wasmedge/internal.h"

#include <stdio.h>

void edge_place_name(uint32_t place, char name[static 12]) {
  snprintf(name, 12, "%u", place);
}

// Host functions are named by their place among the hub's imports.
static void write_names(const links *links, const links_target *target, wasm_writer *out) {
  char place[12];
  uint32_t import = target->host ? (uint32_t)(target->item - links_wasm(links, 0)->imports) : 0;
  edge_place_name(target->host ? import : target->module, place);
  wasm_write_name(out, target->host ? EDGE_HOST_MODULE : place);
  wasm_write_name(out, target->host ? place : target->item->name);
}

static void skip_kind_and_type(wasm_reader *in) {
  switch (wasm_read_byte(in)) {
  case WASM_FUNCTION: wasm_read_u32(in); break;
  case WASM_TABLE:
    wasm_read_value_type(in);
    wasm_read_limits(in);
    break;
  case WASM_MEMORY: wasm_read_limits(in); break;
  case WASM_GLOBAL:
    wasm_read_value_type(in);
    wasm_read_byte(in);
    break;
  default: wasm_reader_fail(in, "an import of a kind that wasmedge does not link"); break;
  }
}

static void write_imports(const links *links, uint32_t module, wasm_reader *in, wasm_writer *out) {
  wasm_writer body = {0};
  uint32_t count = wasm_read_count(in, WASM_ITEMS_MAX);
  wasm_write_u32(&body, count);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(in); i++) {
    wasm_read_name(in);
    wasm_read_name(in);
    write_names(links, &links->modules[module].targets[i], &body);
    const uint8_t *start = in->at;
    skip_kind_and_type(in);
    if (!wasm_reader_failed(in)) wasm_write_bytes(&body, start, (size_t)(in->at - start));
  }
  wasm_write_section(out, WASM_SECTION_IMPORT, &body);
  buffer_free(&body.bytes);
}

ubiq_error *edge_name_imports(const links *links, uint32_t module, uint8_t **out, size_t *out_size) {
  wasm_writer writer = {0};
  const edge_module *from = (const edge_module *)links->modules[module].module;
  wasm_reader sections = wasm_reader_open(from->bytes, from->size);
  wasm_section_view section;
  ubiq_error *error = NULL;
  wasm_write_header(&writer);
  while (!error && wasm_reader_section(&sections, &section)) {
    if (section.id != WASM_SECTION_IMPORT) {
      wasm_write_bytes(&writer, section.whole, section.whole_size);
      continue;
    }
    write_imports(links, module, &section.body, &writer);
    error = wasm_reader_error(&section.body);
  }
  if (!error) return wasm_writer_take(&writer, out, out_size);
  buffer_free(&writer.bytes);
  return error;
}
