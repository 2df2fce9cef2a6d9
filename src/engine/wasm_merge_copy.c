// Copying what the two modules define, entry by entry and body by body, with every index made that of the merged module.
#include "engine/wasm_merge_parts.h"

enum { INLINE_BASE_MAX = 40000 };

static void note(wasm_merging *self, const wasm_reader *reader) {
  if (self->error == NULL) self->error = wasm_reader_error(reader);
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
  const wasm_inlining *self = user;
  if (function >= self->count || self->functions[function].result == 0 || self->base > INLINE_BASE_MAX) return false;
  wasm_inline_write(&self->functions[function], (uint32_t)self->base, out);
  ((wasm_inlining *)user)->used = true;
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
static void copy_code(wasm_merging *self, wasm_part *part, wasm_reader *in, wasm_writer *out) {
  wasm_reader body = wasm_part_take_body(in);
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
  if (part == &self->guest) copier.grow_functions = self->growing.first;
  copier.call_user = &self->inlining;
  wasm_copy_instructions(&copier);
  wasm_copy_flush(&copier);
  if (!wasm_reader_failed(&body)) write_body(out, declared, &locals, self->inlining.used, &code);
  note(self, &body);
  buffer_free(&locals.bytes);
  buffer_free(&code.bytes);
}

static void copy_bodies(wasm_merging *self, wasm_part *part, wasm_writer *out) {
  wasm_reader bodies = part->sections[WASM_SECTION_CODE].body;
  if (!part->present[WASM_SECTION_CODE]) return;
  uint32_t left = wasm_read_count(&bodies, UINT32_MAX); // as many as are defined (check_part)
  for (; left > 0 && !wasm_reader_failed(&bodies) && self->error == NULL; left--) copy_code(self, part, &bodies, out);
  if (wasm_reader_left(&bodies) > 0) wasm_reader_fail(&bodies, "bytes behind the section's content");
  note(self, &bodies);
}

void wasm_merging_write_code(wasm_merging *self) {
  wasm_writer body = {0};
  if (self->error != NULL) return;
  wasm_write_u32(&body, wasm_part_defined(&self->guest) + wasm_part_defined(&self->hub) + self->growing.count);
  copy_bodies(self, &self->guest, &body);
  copy_bodies(self, &self->hub, &body);
  wasm_merging_write_grow_code(self, &body);
  wasm_write_section(&self->out, WASM_SECTION_CODE, &body);
  buffer_free(&body.bytes);
}

static void copy_entries(wasm_merging *self, wasm_part *part, wasm_section id, wasm_writer *out,
                         void (*copy)(wasm_copier *)) {
  if (!part->present[id]) return;
  wasm_reader body = part->sections[id].body;
  uint32_t count = wasm_read_count(&body, UINT32_MAX);
  wasm_copier copier = wasm_copier_open(&body, out, &part->to);
  for (; count > 0 && !wasm_reader_failed(&body); count--) copy(&copier);
  if (wasm_reader_left(&body) > 0) wasm_reader_fail(&body, "bytes behind the section's content");
  wasm_copy_flush(&copier);
  note(self, &body);
}

static void write_list(wasm_merging *self, wasm_section id, void (*copy)(wasm_copier *)) {
  uint32_t count = wasm_part_entries(&self->guest, id) + wasm_part_entries(&self->hub, id);
  if (id == WASM_SECTION_FUNCTION) count += self->growing.count;
  wasm_writer body = {0};
  if (self->error != NULL) return;
  if (count > 0) wasm_write_u32(&body, count);
  copy_entries(self, &self->guest, id, &body, copy);
  copy_entries(self, &self->hub, id, &body, copy);
  if (id == WASM_SECTION_FUNCTION) wasm_merging_write_grow_functions(self, &body);
  if (count > 0) wasm_write_section(&self->out, id, &body);
  buffer_free(&body.bytes);
}

void wasm_merging_write_definitions(wasm_merging *self) {
  write_list(self, WASM_SECTION_FUNCTION, copy_function);
  write_list(self, WASM_SECTION_TABLE, copy_table);
  write_list(self, WASM_SECTION_MEMORY, copy_memory);
  write_list(self, WASM_SECTION_TAG, copy_tag);
  write_list(self, WASM_SECTION_GLOBAL, copy_global);
}

void wasm_merging_write_elements(wasm_merging *self) {
  write_list(self, WASM_SECTION_ELEMENT, copy_element);
}

void wasm_merging_write_data(wasm_merging *self) {
  write_list(self, WASM_SECTION_DATA, copy_data);
}
