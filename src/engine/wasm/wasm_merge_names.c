// Names of functions, by their index in the merged module: the guest's own, made ones where it has none, and what the
// hub's are exported as.
#include "engine/wasm/wasm_merge_parts.h"

#include <stdio.h>
#include <stdlib.h>

static void take_guest_names(const wasm_part *guest, text *names) {
  const uint8_t *start = (const uint8_t *)guest->names.data;
  if (guest->names.size == 0) return;
  wasm_reader reader = {.start = start, .at = start, .end = start + guest->names.size, .section = "name section"};
  for (uint32_t left = wasm_read_u32(&reader); left > 0 && !wasm_reader_failed(&reader); left--) {
    uint32_t index = wasm_read_u32(&reader);
    text name = wasm_read_name(&reader);
    bool is_defined = index >= guest->module->imports_count && index < guest->details.functions_count;
    if (is_defined && !wasm_reader_failed(&reader)) names[guest->functions[index]] = name;
  }
}

// The hub's functions are called what they are exported as.
static void take_hub_names(const wasm_part *hub, text *names) {
  for (size_t i = 0; i < hub->module->exports_count; i++) {
    const wasm_item *item = &hub->module->exports[i];
    if (item->kind == WASM_FUNCTION && item->index >= hub->module->imports_count)
      names[hub->functions[item->index]] = text_of(item->name);
  }
}

static void write_function_name(wasm_writer *out, uint32_t index, text name) {
  wasm_write_u32(out, index);
  wasm_write_u32(out, (uint32_t)name.size);
  wasm_write_bytes(out, name.data, name.size);
}

static uint32_t write_guest_names(const wasm_part *guest, const text *names, wasm_writer *out) {
  for (uint32_t i = (uint32_t)guest->module->imports_count; i < guest->details.functions_count; i++) {
    char made[32];
    uint32_t index = guest->functions[i];
    text name = names[index];
    if (name.size == 0) name = (text){made, (size_t)snprintf(made, sizeof made, "function %u", i)};
    write_function_name(out, index, name);
  }
  return wasm_part_defined(guest);
}

static uint32_t write_hub_names(const wasm_part *hub, const text *names, wasm_writer *out) {
  uint32_t count = 0;
  for (uint32_t i = (uint32_t)hub->module->imports_count; i < hub->details.functions_count; i++) {
    if (names[hub->functions[i]].size == 0) continue;
    write_function_name(out, hub->functions[i], names[hub->functions[i]]);
    count++;
  }
  return count;
}

void wasm_merging_write_names(wasm_merging *self) {
  enum { FUNCTION_NAMES = 1 };
  size_t count = self->hub.module->imports_count + wasm_part_defined(&self->guest) + wasm_part_defined(&self->hub);
  text *names = calloc(count + 1, sizeof *names);
  if (names == NULL) {
    self->out.failed = true;
    return;
  }
  take_guest_names(&self->guest, names);
  take_hub_names(&self->hub, names);
  wasm_writer entries = {0}, list = {0}, body = {0};
  uint32_t written = write_guest_names(&self->guest, names, &entries);
  written += write_hub_names(&self->hub, names, &entries);
  written += wasm_merging_write_grow_names(self, &entries);
  written += wasm_merging_write_rewind_name(self, &entries);
  wasm_write_u32(&list, written);
  wasm_write_bytes(&list, entries.bytes.data, entries.bytes.size);
  list.failed |= entries.failed;
  wasm_write_name(&body, "name");
  wasm_write_byte(&body, FUNCTION_NAMES);
  wasm_write_sized(&body, &list);
  wasm_write_section(&self->out, WASM_SECTION_CUSTOM, &body);
  buffer_free(&entries.bytes);
  buffer_free(&list.bytes);
  buffer_free(&body.bytes);
  free(names);
}
