// Copying what the two modules define, entry by entry and body by body, with every index made that of the merged module.
#include "engine/wasm/wasm_merge_parts.h"

enum { INLINE_BASE_MAX = 40000 };

static void note(wasm_merging *self, const wasm_reader *reader) {
  if (self->error == NULL) self->error = wasm_reader_error(reader);
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
  self->changes_more |= copier.changes_more;
  self->grows |= copier.grows;
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
  wasm_write_u32(&body, wasm_part_defined(&self->guest) + wasm_part_defined(&self->hub) + self->growing.count +
                            wasm_merging_rewinds(self));
  copy_bodies(self, &self->guest, &body);
  copy_bodies(self, &self->hub, &body);
  wasm_merging_write_grow_code(self, &body);
  wasm_merging_write_rewind_code(self, &body);
  wasm_write_section(&self->out, WASM_SECTION_CODE, &body);
  buffer_free(&body.bytes);
}

static void copy_entries(wasm_merging *self, wasm_part *part, wasm_section id, wasm_writer *out) {
  if (!part->present[id]) return;
  wasm_reader body = part->sections[id].body;
  uint32_t count = wasm_read_count(&body, UINT32_MAX);
  wasm_copy_entries(&body, id, count, out, &part->to);
  note(self, &body);
}

static void write_list(wasm_merging *self, wasm_section id) {
  uint32_t count = wasm_part_entries(&self->guest, id) + wasm_part_entries(&self->hub, id);
  if (id == WASM_SECTION_FUNCTION) count += self->growing.count + wasm_merging_rewinds(self);
  wasm_writer body = {0};
  if (self->error != NULL) return;
  if (count > 0) wasm_write_u32(&body, count);
  copy_entries(self, &self->guest, id, &body);
  copy_entries(self, &self->hub, id, &body);
  if (id == WASM_SECTION_FUNCTION) wasm_merging_write_grow_functions(self, &body);
  if (id == WASM_SECTION_FUNCTION) wasm_merging_write_rewind_function(self, &body);
  if (count > 0) wasm_write_section(&self->out, id, &body);
  buffer_free(&body.bytes);
}

void wasm_merging_write_definitions(wasm_merging *self) {
  write_list(self, WASM_SECTION_FUNCTION);
  write_list(self, WASM_SECTION_TABLE);
  write_list(self, WASM_SECTION_MEMORY);
  write_list(self, WASM_SECTION_TAG);
  write_list(self, WASM_SECTION_GLOBAL);
}

void wasm_merging_write_elements(wasm_merging *self) {
  write_list(self, WASM_SECTION_ELEMENT);
}

void wasm_merging_write_data(wasm_merging *self) {
  write_list(self, WASM_SECTION_DATA);
}
