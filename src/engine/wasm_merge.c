// Making one module out of two. See wasm_merge.h.
//
// DESIGN. Every index space but that of functions is the guest's followed by the hub's. Functions are the hub's imports,
// then what the guest defines, then what the hub defines; the guest's imports are gone: their indices become those of what
// they are bound to, which may be one of the hub's imports. All sections are copied entry by entry (wasm_code.h), which
// also refuses indices that the guest does not have: in the merged module they would reach the hub.
#include "engine/wasm_merge.h"
#include "engine/wasm_inline.h"
#include "engine/wasm_module.h"

#include <stdio.h>
#include <stdlib.h>

enum { GUEST_IMPORTS_MAX = 1000, INLINE_BASE_MAX = 40000 };

// One of the two modules.
typedef struct part {
  wasm_module *module;
  wasm_details details;
  wasm_section_view sections[WASM_SECTIONS]; // what is absent is an empty view
  bool present[WASM_SECTIONS];
  text names;          // the function names of the name section, as they stand there; empty where there are none
  uint32_t *functions; // the new index of each
  wasm_renumbering to;
  uint32_t copied; // how many bodies
} part;

// What stands in the place of calls of the guest's imports.
typedef struct inlining {
  wasm_inline *functions; // by the import's index; `result` 0: is called
  size_t count;
  uint64_t base; // of the slots in the function at hand
  bool used;     // there
} inlining;

typedef struct merge {
  const wasm_merge_request *request;
  part guest, hub;
  inlining inlining;
  wasm_writer out;
  ubiq_error *error; // the first
} merge;

static ubiq_error *cannot(const char *why) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "WebAssembly module: %s: it cannot be merged", why);
}

static void note(merge *self, const wasm_reader *reader) {
  if (self->error == NULL) self->error = wasm_reader_error(reader);
}

// Reading the two.

static uint32_t entries_count(const part *self, wasm_section id) {
  wasm_reader body = self->sections[id].body;
  return self->present[id] ? wasm_read_count(&body, UINT32_MAX) : 0;
}

// Looks for the function names: those of the last name section. A malformed one has none; a custom section without a name
// makes a module malformed.
static ubiq_error *find_names(part *self, wasm_reader body) {
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

static ubiq_error *part_read(part *self, const uint8_t *bytes, size_t size) {
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
  for (int space = 0; space < WASM_SPACES; space++) self->to.count[space] = entries_count(self, spaces[space]);
  self->to.count[WASM_SPACE_TYPE] = self->details.types_count;
  self->to.functions_count = self->details.functions_count;
  self->functions = calloc((size_t)self->details.functions_count + 1, sizeof *self->functions);
  self->to.functions = self->functions;
  return self->functions != NULL ? NULL : ubiq_error_no_memory();
}

static void part_free(part *self) {
  wasm_module_free(self->module);
  free(self->functions);
}

static uint32_t defined_count(const part *self) {
  return self->details.functions_count - (uint32_t)self->module->imports_count;
}

// Checks.

static ubiq_error *check_part(const part *self) {
  for (size_t i = 0; i < self->module->imports_count; i++)
    if (self->module->imports[i].kind != WASM_FUNCTION) return cannot("it imports something that is not a function");
  if (self->module->has_start) return cannot("it has a start section");
  if (entries_count(self, WASM_SECTION_CODE) != defined_count(self)) return cannot("functions and bodies do not match");
  wasm_reader count = self->sections[WASM_SECTION_DATA_COUNT].body;
  if (self->present[WASM_SECTION_DATA_COUNT] &&
      (wasm_read_u32(&count) != self->to.count[WASM_SPACE_DATA] || wasm_reader_left(&count) > 0))
    return cannot("the number of data segments is not as it says");
  return NULL;
}

static ubiq_error *check_guest(const merge *self) {
  const wasm_module *guest = self->guest.module;
  if (guest->imports_count > GUEST_IMPORTS_MAX) return cannot("it has too many imports");
  for (size_t i = 0; i < guest->exports_count; i++)
    if (strncmp(guest->exports[i].name, self->request->prefix, strlen(self->request->prefix)) == 0)
      return cannot("it exports a name that is kept for the host");
  return check_part(&self->guest);
}

// The hub's types are copied as they are: they must not speak of each other.
static bool has_plain_types(const part *self) {
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

static ubiq_error *check_hub(const part *hub) {
  if (hub->to.count[WASM_SPACE_TABLE] > 0 || hub->to.count[WASM_SPACE_ELEMENT] > 0)
    return cannot("the hub has tables or elements");
  return has_plain_types(hub) ? check_part(hub) : cannot("the hub has types that refer to others");
}

// Indices.

// Takes the next body off the section.
static wasm_reader take_body(wasm_reader *in) {
  uint32_t size = wasm_read_count(in, UINT32_MAX);
  wasm_reader body = *in;
  body.end = body.at + size;
  wasm_read_skip(in, size);
  return body;
}

static void inline_import(merge *self, const wasm_reader *bodies, size_t import, const wasm_item *item) {
  size_t hub_imports = self->hub.module->imports_count;
  if (item->index < hub_imports) return;
  wasm_inline_read(bodies[item->index - hub_imports], &item->signature, &self->hub.to,
                   &self->inlining.functions[import]);
}

static ubiq_error *bind_imports_to(merge *self, const wasm_reader *bodies) {
  const wasm_module *guest = self->guest.module;
  for (size_t i = 0; i < guest->imports_count; i++) {
    const wasm_item *item = wasm_module_export(self->hub.module, self->request->bindings[i]);
    if (item == NULL || item->kind != WASM_FUNCTION ||
        !wasm_signature_equal(&item->signature, &guest->imports[i].signature))
      return cannot("an import that the hub does not have");
    self->guest.functions[i] = self->hub.functions[item->index];
    inline_import(self, bodies, i, item);
  }
  return NULL;
}

static ubiq_error *bind_imports(merge *self) {
  wasm_reader section = self->hub.sections[WASM_SECTION_CODE].body;
  wasm_reader *bodies = calloc((size_t)defined_count(&self->hub) + 1, sizeof *bodies);
  self->inlining.count = self->guest.module->imports_count;
  self->inlining.functions = calloc(self->inlining.count + 1, sizeof *self->inlining.functions);
  bool is_full = bodies == NULL || self->inlining.functions == NULL;
  if (!is_full) wasm_read_u32(&section);
  for (uint32_t i = 0; i < defined_count(&self->hub) && !is_full; i++) bodies[i] = take_body(&section);
  ubiq_error *error = is_full ? ubiq_error_no_memory() : bind_imports_to(self, bodies);
  free(bodies);
  return error;
}

static ubiq_error *number_all(merge *self) {
  part *guest = &self->guest, *hub = &self->hub;
  uint32_t hub_imports = (uint32_t)hub->module->imports_count, guest_imports = (uint32_t)guest->module->imports_count;
  for (int space = 0; space < WASM_SPACES; space++) hub->to.add[space] = guest->to.count[space];
  for (uint32_t i = 0; i < hub->details.functions_count; i++)
    hub->functions[i] = i < hub_imports ? i : i + defined_count(guest);
  for (uint32_t i = guest_imports; i < guest->details.functions_count; i++)
    guest->functions[i] = i - guest_imports + hub_imports;
  return bind_imports(self);
}

// Sections that are lists, of entries that are copied.

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

// A call of a function of the guest whose code is to stand there instead.
static bool write_inlined(void *user, uint32_t function, wasm_writer *out) {
  const inlining *self = user;
  if (function >= self->count || self->functions[function].result == 0 || self->base > INLINE_BASE_MAX) return false;
  wasm_inline_write(&self->functions[function], (uint32_t)self->base, out);
  ((inlining *)user)->used = true;
  return true;
}

static void write_body(wasm_writer *out, wasm_locals declared, const wasm_writer *locals, bool slots,
                       const wasm_writer *code) {
  wasm_writer body = {.failed = locals->failed || code->failed};
  wasm_write_u32(&body, declared.groups + (slots ? WASM_INLINE_GROUPS : 0));
  wasm_write_bytes(&body, locals->bytes.data, locals->bytes.size);
  if (slots) wasm_inline_write_slots(&body);
  wasm_write_bytes(&body, code->bytes.data, code->bytes.size);
  wasm_write_sized(out, &body);
  buffer_free(&body.bytes);
}

// One body, the next of those that the part defines.
static void copy_code(merge *self, part *part, wasm_reader *in, wasm_writer *out) {
  wasm_reader body = take_body(in);
  if (wasm_reader_failed(in)) return;
  wasm_writer locals = {0}, code = {0};
  wasm_copier copier = wasm_copier_open(&body, &locals, &part->to);
  wasm_locals declared = wasm_copy_locals(&copier);
  wasm_copy_flush(&copier);
  copier.out = &code;
  self->inlining.base = declared.count + part->details.params_counts[part->module->imports_count + part->copied++];
  self->inlining.used = false;
  copier.locals_end = self->inlining.base;
  if (part == &self->guest) copier.call = write_inlined;
  copier.call_user = &self->inlining;
  wasm_copy_instructions(&copier);
  wasm_copy_flush(&copier);
  if (!wasm_reader_failed(&body)) write_body(out, declared, &locals, self->inlining.used, &code);
  note(self, &body);
  buffer_free(&locals.bytes);
  buffer_free(&code.bytes);
}

static void copy_bodies(merge *self, part *part, wasm_writer *out) {
  wasm_reader bodies = part->sections[WASM_SECTION_CODE].body;
  if (!part->present[WASM_SECTION_CODE]) return;
  uint32_t left = wasm_read_count(&bodies, UINT32_MAX); // as many as are defined (check_part)
  for (; left > 0 && !wasm_reader_failed(&bodies) && self->error == NULL; left--) copy_code(self, part, &bodies, out);
  if (wasm_reader_left(&bodies) > 0) wasm_reader_fail(&bodies, "bytes behind the section's content");
  note(self, &bodies);
}

static void write_code(merge *self) {
  wasm_writer body = {0};
  if (self->error != NULL) return;
  wasm_write_u32(&body, defined_count(&self->guest) + defined_count(&self->hub));
  copy_bodies(self, &self->guest, &body);
  copy_bodies(self, &self->hub, &body);
  wasm_write_section(&self->out, WASM_SECTION_CODE, &body);
  buffer_free(&body.bytes);
}

static void copy_entries(merge *self, part *part, wasm_section id, wasm_writer *out, void (*copy)(wasm_copier *)) {
  if (!part->present[id]) return;
  wasm_reader body = part->sections[id].body;
  uint32_t count = wasm_read_count(&body, UINT32_MAX);
  wasm_copier copier = wasm_copier_open(&body, out, &part->to);
  for (; count > 0 && !wasm_reader_failed(&body); count--) copy(&copier);
  if (wasm_reader_left(&body) > 0) wasm_reader_fail(&body, "bytes behind the section's content");
  wasm_copy_flush(&copier);
  note(self, &body);
}

static void write_list(merge *self, wasm_section id, void (*copy)(wasm_copier *)) {
  uint32_t count = entries_count(&self->guest, id) + entries_count(&self->hub, id);
  wasm_writer body = {0};
  if (self->error != NULL) return;
  if (count > 0) wasm_write_u32(&body, count);
  copy_entries(self, &self->guest, id, &body, copy);
  copy_entries(self, &self->hub, id, &body, copy);
  if (count > 0) wasm_write_section(&self->out, id, &body);
  buffer_free(&body.bytes);
}

// Other sections.

static void write_raw_entries(const part *part, wasm_section id, wasm_writer *out) {
  wasm_reader body = part->sections[id].body;
  if (!part->present[id]) return;
  wasm_read_u32(&body);
  wasm_write_bytes(out, body.at, wasm_reader_left(&body));
}

static void write_types(merge *self) {
  wasm_writer body = {0};
  wasm_write_u32(&body, entries_count(&self->guest, WASM_SECTION_TYPE) + entries_count(&self->hub, WASM_SECTION_TYPE));
  write_raw_entries(&self->guest, WASM_SECTION_TYPE, &body);
  write_raw_entries(&self->hub, WASM_SECTION_TYPE, &body);
  wasm_write_section(&self->out, WASM_SECTION_TYPE, &body);
  buffer_free(&body.bytes);
}

static void write_imports(merge *self) {
  const wasm_module *hub = self->hub.module;
  wasm_writer body = {0};
  wasm_write_u32(&body, (uint32_t)hub->imports_count);
  for (size_t i = 0; i < hub->imports_count; i++) {
    wasm_write_name(&body, hub->imports[i].module);
    wasm_write_name(&body, hub->imports[i].name);
    wasm_write_byte(&body, WASM_FUNCTION);
    wasm_write_u32(&body, hub->imports[i].type_index + self->hub.to.add[WASM_SPACE_TYPE]);
  }
  wasm_write_section(&self->out, WASM_SECTION_IMPORT, &body);
  buffer_free(&body.bytes);
}

static void write_export(wasm_writer *out, const part *part, const char *prefix, const wasm_item *item) {
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

static void write_exports(merge *self) {
  const wasm_module *guest = self->guest.module, *hub = self->hub.module;
  wasm_writer body = {0}, entries = {0};
  uint32_t count = (uint32_t)guest->exports_count;
  for (size_t i = 0; i < guest->exports_count; i++) write_export(&entries, &self->guest, "", &guest->exports[i]);
  for (size_t i = 0; i < hub->exports_count; i++) {
    if (self->request->keeps != NULL && !self->request->keeps(hub->exports[i].name)) continue;
    write_export(&entries, &self->hub, self->request->prefix, &hub->exports[i]);
    count++;
  }
  wasm_write_u32(&body, count);
  wasm_write_bytes(&body, entries.bytes.data, entries.bytes.size);
  body.failed |= entries.failed;
  wasm_write_section(&self->out, WASM_SECTION_EXPORT, &body);
  buffer_free(&body.bytes);
  buffer_free(&entries.bytes);
}

static void write_data_count(merge *self) {
  if (!self->guest.present[WASM_SECTION_DATA_COUNT] && !self->hub.present[WASM_SECTION_DATA_COUNT]) return;
  wasm_writer body = {0};
  wasm_write_u32(&body, self->guest.to.count[WASM_SPACE_DATA] + self->hub.to.count[WASM_SPACE_DATA]);
  wasm_write_section(&self->out, WASM_SECTION_DATA_COUNT, &body);
  buffer_free(&body.bytes);
}

// Names of functions, by their index in the merged module.

static void take_guest_names(const part *guest, text *names) {
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
static void take_hub_names(const part *hub, text *names) {
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

static uint32_t write_guest_names(const part *guest, const text *names, wasm_writer *out) {
  for (uint32_t i = (uint32_t)guest->module->imports_count; i < guest->details.functions_count; i++) {
    char made[32];
    uint32_t index = guest->functions[i];
    text name = names[index];
    if (name.size == 0) name = (text){made, (size_t)snprintf(made, sizeof made, "function %u", i)};
    write_function_name(out, index, name);
  }
  return defined_count(guest);
}

static uint32_t write_hub_names(const part *hub, const text *names, wasm_writer *out) {
  uint32_t count = 0;
  for (uint32_t i = (uint32_t)hub->module->imports_count; i < hub->details.functions_count; i++) {
    if (names[hub->functions[i]].size == 0) continue;
    write_function_name(out, hub->functions[i], names[hub->functions[i]]);
    count++;
  }
  return count;
}

static void write_names(merge *self) {
  enum { FUNCTION_NAMES = 1 };
  size_t count = self->hub.module->imports_count + defined_count(&self->guest) + defined_count(&self->hub);
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

static void write_all(merge *self) {
  self->out.failed = !buffer_reserve(&self->out.bytes, self->request->guest_size + self->request->hub_size);
  wasm_write_header(&self->out);
  write_types(self);
  write_imports(self);
  write_list(self, WASM_SECTION_FUNCTION, copy_function);
  write_list(self, WASM_SECTION_TABLE, copy_table);
  write_list(self, WASM_SECTION_MEMORY, copy_memory);
  write_list(self, WASM_SECTION_TAG, copy_tag);
  write_list(self, WASM_SECTION_GLOBAL, copy_global);
  write_exports(self);
  write_list(self, WASM_SECTION_ELEMENT, copy_element);
  write_data_count(self);
  write_code(self);
  write_list(self, WASM_SECTION_DATA, copy_data);
  write_names(self);
}

static ubiq_error *prepare(merge *self) {
  const wasm_merge_request *request = self->request;
  ubiq_error *error = part_read(&self->guest, request->guest, request->guest_size);
  if (error == NULL) error = part_read(&self->hub, request->hub, request->hub_size);
  if (error == NULL) error = check_guest(self);
  if (error == NULL) error = check_hub(&self->hub);
  return error != NULL ? error : number_all(self);
}

ubiq_error *wasm_merge(const wasm_merge_request *request, uint8_t **out, size_t *out_size) {
  merge self = {.request = request};
  self.error = prepare(&self);
  if (self.error == NULL) write_all(&self);
  if (self.error == NULL)
    self.error = wasm_writer_take(&self.out, out, out_size);
  else
    buffer_free(&self.out.bytes);
  part_free(&self.guest);
  part_free(&self.hub);
  free(self.inlining.functions);
  return self.error;
}
