// Making one module out of two. See wasm_merge.h.
//
// DESIGN. Every index space but that of functions is the guest's followed by the hub's. Functions are the hub's imports,
// then what the guest defines, then what the hub defines, then those that grow memories (wasm_merge_grow.c), then the one
// that puts back what is not in memories (wasm_merge_rewind.c); the guest's imports are gone: their indices become those of
// what they are bound to, which may be one of the hub's imports. So are those that the hub has of the guest's exports. All
// sections are copied entry by entry (wasm_code.h), which also refuses indices that the guest does not have: in the merged
// module they would reach the hub.
#include "engine/wasm/wasm_merge.h"
#include "engine/wasm/wasm_merge_parts.h"

#include <stdlib.h>

enum { GUEST_IMPORTS_MAX = 1000 };

static ubiq_error *cannot(const char *why) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "WebAssembly module: %s: it cannot be merged", why);
}

// Checks.

static ubiq_error *check_part(const wasm_part *self) {
  for (size_t i = 0; i < self->module->imports_count; i++)
    if (self->module->imports[i].kind != WASM_FUNCTION) return cannot("it imports something that is not a function");
  if (self->module->has_start) return cannot("it has a start section");
  if (wasm_part_entries(self, WASM_SECTION_CODE) != wasm_part_defined(self))
    return cannot("functions and bodies do not match");
  wasm_reader count = self->sections[WASM_SECTION_DATA_COUNT].body;
  if (self->present[WASM_SECTION_DATA_COUNT] &&
      (wasm_read_u32(&count) != self->to.count[WASM_SPACE_DATA] || wasm_reader_left(&count) > 0))
    return cannot("the number of data segments is not as it says");
  return NULL;
}

static ubiq_error *check_guest(const wasm_merging *self) {
  const wasm_module *guest = self->guest.module;
  if (guest->imports_count > GUEST_IMPORTS_MAX) return cannot("it has too many imports");
  for (size_t i = 0; i < guest->exports_count; i++)
    if (strncmp(guest->exports[i].name, self->request->prefix, strlen(self->request->prefix)) == 0)
      return cannot("it exports a name that is kept for the host");
  return check_part(&self->guest);
}

// The hub's types are copied as they are: they must not speak of each other.
static bool has_plain_types(const wasm_part *self) {
  enum { FUNCTION = 0x60, FIRST_PLAIN = 0x68 };
  wasm_reader body = self->sections[WASM_SECTION_TYPE].body;
  bool is_plain = true;
  uint32_t left = self->present[WASM_SECTION_TYPE] ? wasm_read_u32(&body) : 0;
  for (; left > 0 && is_plain && !wasm_reader_failed(&body); left--) {
    is_plain = wasm_read_byte(&body) == FUNCTION;
    for (int list = 0; list < 2; list++)
      for (uint32_t types = wasm_read_u32(&body); types > 0 && is_plain && !wasm_reader_failed(&body); types--)
        is_plain = wasm_read_byte(&body) >= FIRST_PLAIN;
  }
  return is_plain && !wasm_reader_failed(&body);
}

static ubiq_error *check_hub(const wasm_part *hub) {
  if (hub->to.count[WASM_SPACE_TABLE] > 0 || hub->to.count[WASM_SPACE_ELEMENT] > 0)
    return cannot("the hub has tables or elements");
  return has_plain_types(hub) ? check_part(hub) : cannot("the hub has types that refer to others");
}

// Indices.

static bool is_of_guest(const wasm_merging *self, const wasm_item *import) {
  const char *module = self->request->guest_module;
  return module != NULL && strcmp(import->module, module) == 0;
}

static void inline_import(wasm_merging *self, const wasm_reader *bodies, size_t import, const wasm_item *item) {
  size_t hub_imports = self->hub.module->imports_count;
  if (item->index < hub_imports) return;
  wasm_inline_read(bodies[item->index - hub_imports], &item->signature, &self->hub.to,
                   &self->inlining.functions[import]);
}

// An import of the hub that would be the guest's own export again.
static bool is_circular(const wasm_merging *self, const wasm_item *item) {
  const wasm_module *hub = self->hub.module;
  return item->index < hub->imports_count && is_of_guest(self, &hub->imports[item->index]);
}

static ubiq_error *bind_imports_to(wasm_merging *self, const wasm_reader *bodies) {
  const wasm_module *guest = self->guest.module;
  for (size_t i = 0; i < guest->imports_count; i++) {
    const wasm_item *item = wasm_module_export(self->hub.module, self->request->bindings[i]);
    if (item == NULL || item->kind != WASM_FUNCTION || is_circular(self, item) ||
        !wasm_signature_equal(&item->signature, &guest->imports[i].signature))
      return cannot("an import that the hub does not have");
    self->guest.functions[i] = self->hub.functions[item->index];
    inline_import(self, bodies, i, item);
  }
  return NULL;
}

static ubiq_error *bind_imports(wasm_merging *self) {
  wasm_reader section = self->hub.sections[WASM_SECTION_CODE].body;
  wasm_reader *bodies = calloc((size_t)wasm_part_defined(&self->hub) + 1, sizeof *bodies);
  self->inlining.count = self->guest.module->imports_count;
  self->inlining.functions = calloc(self->inlining.count + 1, sizeof *self->inlining.functions);
  bool is_full = bodies == NULL || self->inlining.functions == NULL;
  if (!is_full) wasm_read_u32(&section);
  for (uint32_t i = 0; i < wasm_part_defined(&self->hub) && !is_full; i++) bodies[i] = wasm_part_take_body(&section);
  ubiq_error *error = is_full ? ubiq_error_no_memory() : bind_imports_to(self, bodies);
  free(bodies);
  return error;
}

// What the hub imports of the guest, once the guest's functions have their indices, those that it imports included.
static ubiq_error *bind_hub(wasm_merging *self) {
  const wasm_module *hub = self->hub.module;
  for (size_t i = 0; i < hub->imports_count; i++) {
    if (!is_of_guest(self, &hub->imports[i])) continue;
    const wasm_item *item = wasm_module_export(self->guest.module, hub->imports[i].name);
    if (item == NULL || item->kind != WASM_FUNCTION ||
        !wasm_signature_equal(&item->signature, &hub->imports[i].signature))
      return cannot("it does not export what the hub calls");
    self->hub.functions[i] = self->guest.functions[item->index];
  }
  return NULL;
}

static void number_functions(wasm_merging *self) {
  wasm_part *guest = &self->guest, *hub = &self->hub;
  uint32_t hub_imports = (uint32_t)hub->module->imports_count, guest_imports = (uint32_t)guest->module->imports_count;
  for (uint32_t i = 0; i < hub_imports; i++)
    if (!is_of_guest(self, &hub->module->imports[i])) hub->functions[i] = self->imports++;
  for (uint32_t i = guest_imports; i < guest->details.functions_count; i++)
    guest->functions[i] = i - guest_imports + self->imports;
  for (uint32_t i = hub_imports; i < hub->details.functions_count; i++)
    hub->functions[i] = i - hub_imports + self->imports + wasm_part_defined(guest);
}

static ubiq_error *number_all(wasm_merging *self) {
  for (int space = 0; space < WASM_SPACES; space++) self->hub.to.add[space] = self->guest.to.count[space];
  number_functions(self);
  ubiq_error *error = wasm_merging_plan_growing(self);
  if (error == NULL) error = bind_imports(self);
  return error != NULL ? error : bind_hub(self);
}

// Sections that are made anew.

static void write_raw_entries(const wasm_part *part, wasm_section id, wasm_writer *out) {
  wasm_reader body = part->sections[id].body;
  if (!part->present[id]) return;
  wasm_read_u32(&body);
  wasm_write_bytes(out, body.at, wasm_reader_left(&body));
}

static void write_types(wasm_merging *self) {
  wasm_writer body = {0};
  wasm_write_u32(&body, wasm_part_entries(&self->guest, WASM_SECTION_TYPE) +
                            wasm_part_entries(&self->hub, WASM_SECTION_TYPE) + wasm_merging_grow_types(self) +
                            wasm_merging_rewinds(self));
  write_raw_entries(&self->guest, WASM_SECTION_TYPE, &body);
  write_raw_entries(&self->hub, WASM_SECTION_TYPE, &body);
  wasm_merging_write_grow_types(self, &body);
  wasm_merging_write_rewind_type(self, &body);
  wasm_write_section(&self->out, WASM_SECTION_TYPE, &body);
  buffer_free(&body.bytes);
}

static void write_imports(wasm_merging *self) {
  const wasm_module *hub = self->hub.module;
  wasm_writer body = {0};
  wasm_write_u32(&body, self->imports);
  for (size_t i = 0; i < hub->imports_count; i++) {
    if (is_of_guest(self, &hub->imports[i])) continue;
    wasm_write_name(&body, hub->imports[i].module);
    wasm_write_name(&body, hub->imports[i].name);
    wasm_write_byte(&body, WASM_FUNCTION);
    wasm_write_u32(&body, hub->imports[i].type_index + self->hub.to.add[WASM_SPACE_TYPE]);
  }
  wasm_write_section(&self->out, WASM_SECTION_IMPORT, &body);
  buffer_free(&body.bytes);
}

static void write_export(wasm_writer *out, const wasm_part *part, const char *prefix, const wasm_item *item) {
  static const wasm_space spaces[] = {
      [WASM_TABLE] = WASM_SPACE_TABLE,
      [WASM_MEMORY] = WASM_SPACE_MEMORY,
      [WASM_GLOBAL] = WASM_SPACE_GLOBAL,
      [WASM_TAG] = WASM_SPACE_TAG,
  };
  wasm_write_name_of(out, prefix, item->name);
  wasm_write_byte(out, (uint8_t)item->kind);
  wasm_write_u32(out, item->kind == WASM_FUNCTION ? part->functions[item->index]
                                                  : item->index + part->to.add[spaces[item->kind]]);
}

static void write_exports(wasm_merging *self) {
  const wasm_module *guest = self->guest.module, *hub = self->hub.module;
  wasm_writer body = {0}, entries = {0};
  uint32_t count = (uint32_t)guest->exports_count;
  for (size_t i = 0; i < guest->exports_count; i++) write_export(&entries, &self->guest, "", &guest->exports[i]);
  for (size_t i = 0; i < hub->exports_count; i++) {
    if (self->request->keeps != NULL && !self->request->keeps(hub->exports[i].name)) continue;
    write_export(&entries, &self->hub, self->request->prefix, &hub->exports[i]);
    count++;
  }
  wasm_merging_write_rewind_export(self, &entries);
  wasm_write_u32(&body, count + wasm_merging_rewinds(self));
  wasm_write_bytes(&body, entries.bytes.data, entries.bytes.size);
  body.failed |= entries.failed;
  wasm_write_section(&self->out, WASM_SECTION_EXPORT, &body);
  buffer_free(&body.bytes);
  buffer_free(&entries.bytes);
}

static void write_data_count(wasm_merging *self) {
  if (!self->guest.present[WASM_SECTION_DATA_COUNT] && !self->hub.present[WASM_SECTION_DATA_COUNT]) return;
  wasm_writer body = {0};
  wasm_write_u32(&body, self->guest.to.count[WASM_SPACE_DATA] + self->hub.to.count[WASM_SPACE_DATA]);
  wasm_write_section(&self->out, WASM_SECTION_DATA_COUNT, &body);
  buffer_free(&body.bytes);
}

static void write_all(wasm_merging *self) {
  self->out.failed = !buffer_reserve(&self->out.bytes, self->request->guest_size + self->request->hub_size);
  wasm_write_header(&self->out);
  write_types(self);
  write_imports(self);
  wasm_merging_write_definitions(self);
  write_exports(self);
  wasm_merging_write_elements(self);
  write_data_count(self);
  wasm_merging_write_code(self);
  wasm_merging_write_data(self);
  wasm_merging_write_names(self);
  wasm_merging_write_rewind_mark(self);
}

static ubiq_error *prepare(wasm_merging *self) {
  const wasm_merge_request *request = self->request;
  ubiq_error *error = wasm_part_read(&self->guest, request->guest, request->guest_size);
  if (error == NULL) error = wasm_part_read(&self->hub, request->hub, request->hub_size);
  if (error == NULL) error = check_guest(self);
  if (error == NULL) error = check_hub(&self->hub);
  return error != NULL ? error : number_all(self);
}

ubiq_error *wasm_merge(const wasm_merge_request *request, uint8_t **out, size_t *out_size) {
  wasm_merging self = {.request = request};
  self.error = prepare(&self);
  if (self.error == NULL) write_all(&self);
  if (self.error == NULL)
    self.error = wasm_writer_take(&self.out, out, out_size);
  else
    buffer_free(&self.out.bytes);
  wasm_part_free(&self.guest);
  wasm_part_free(&self.hub);
  free(self.inlining.functions);
  return self.error;
}
