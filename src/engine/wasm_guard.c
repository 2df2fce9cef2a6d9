// Guarded copies of modules. See wasm_guard.h.
//
// DESIGN. What is added stands last: the import behind the other imports, its type behind the types, the globals behind the
// globals. So only the functions that the module defines move, by one.
#include "engine/wasm_guard.h"
#include "engine/wasm_merge_parts.h"

#include <stdlib.h>

enum { TYPE_FUNCTION = 0x60, TYPE_I32 = 0x7f, NO_RESULT = 0x40, MUTABLE = 1 };

enum {
  OP_BLOCK = 0x02,
  OP_LOOP = 0x03,
  OP_IF = 0x04,
  OP_ELSE = 0x05,
  OP_TRY = 0x06,
  OP_CATCH = 0x07,
  OP_END = 0x0b,
  OP_CALL = 0x10,
  OP_RETURN_CALL_REF = 0x15,
  OP_DELEGATE = 0x18,
  OP_CATCH_ALL = 0x19,
  OP_TRY_TABLE = 0x1f,
  OP_GLOBAL_GET = 0x23,
  OP_GLOBAL_SET = 0x24,
  OP_MEMORY_GROW = 0x40,
  OP_I32_CONST = 0x41,
  OP_I32_LT_S = 0x48,
  OP_I32_ADD = 0x6a,
  OP_I32_SUB = 0x6b,
  OP_I32_DIV_U = 0x6e,
};

/// The globals that are added: what is left to count, and what an instruction on a range was given.
enum { GUARD_COUNTER, GUARD_RANGE, GUARD_GLOBALS };

typedef struct guarding {
  const wasm_guard_request *request;
  wasm_part part;
  uint32_t imported_functions;
  wasm_writer at_loop, at_bulk; // code that is put in
  wasm_writer out;
  ubiq_error *error; // the first
} guarding;

static void note(guarding *self, const wasm_reader *reader) {
  if (self->error == NULL) self->error = wasm_reader_error(reader);
}

// The code to put in.

static void write_op(wasm_writer *out, uint8_t op, uint32_t operand) {
  wasm_write_byte(out, op);
  wasm_write_u32(out, operand);
}

// A positive number as a constant has it: with a sign.
static void write_constant(wasm_writer *out, uint32_t number) {
  wasm_write_byte(out, OP_I32_CONST);
  wasm_write_heap_index(out, number);
}

static uint32_t global_index(const guarding *self, uint32_t global) {
  return self->part.to.count[WASM_SPACE_GLOBAL] + global;
}

static void write_check(const guarding *self, wasm_writer *out) {
  uint32_t counter = global_index(self, GUARD_COUNTER);
  write_op(out, OP_GLOBAL_GET, counter);
  write_constant(out, 0);
  wasm_write_byte(out, OP_I32_LT_S);
  wasm_write_byte(out, OP_IF);
  wasm_write_byte(out, NO_RESULT);
  write_op(out, OP_CALL, self->imported_functions);
  write_op(out, OP_GLOBAL_SET, counter);
  wasm_write_byte(out, OP_END);
}

static void write_at_loop(const guarding *self, wasm_writer *out) {
  write_op(out, OP_GLOBAL_GET, global_index(self, GUARD_COUNTER));
  write_constant(out, 1);
  wasm_write_byte(out, OP_I32_SUB);
  write_op(out, OP_GLOBAL_SET, global_index(self, GUARD_COUNTER));
  write_check(self, out);
}

// How long the range is lies on top of the stack.
static void write_at_bulk(const guarding *self, wasm_writer *out) {
  write_op(out, OP_GLOBAL_SET, global_index(self, GUARD_RANGE));
  write_op(out, OP_GLOBAL_GET, global_index(self, GUARD_COUNTER));
  write_op(out, OP_GLOBAL_GET, global_index(self, GUARD_RANGE));
  write_constant(out, WASM_GUARD_RANGE);
  wasm_write_byte(out, OP_I32_DIV_U);
  write_constant(out, WASM_GUARD_BULK);
  wasm_write_byte(out, OP_I32_ADD);
  wasm_write_byte(out, OP_I32_SUB);
  write_op(out, OP_GLOBAL_SET, global_index(self, GUARD_COUNTER));
  write_check(self, out);
  write_op(out, OP_GLOBAL_GET, global_index(self, GUARD_RANGE));
}

static void write_checks(guarding *self) {
  write_at_loop(self, &self->at_loop);
  write_at_bulk(self, &self->at_bulk);
  self->out.failed |= self->at_loop.failed | self->at_bulk.failed;
}

// Sections. Each begins with its number of entries.

static wasm_reader open_section(const guarding *self, wasm_section id, uint32_t *count) {
  wasm_reader body = self->part.sections[id].body;
  *count = self->part.present[id] ? wasm_read_count(&body, UINT32_MAX) : 0;
  return body;
}

static void end_section(guarding *self, wasm_section id, uint32_t count, wasm_writer *entries) {
  wasm_writer body = {.failed = entries->failed};
  wasm_write_u32(&body, count);
  wasm_write_bytes(&body, entries->bytes.data, entries->bytes.size);
  if (count > 0) wasm_write_section(&self->out, id, &body);
  self->out.failed |= body.failed;
  buffer_free(&body.bytes);
  buffer_free(&entries->bytes);
}

static void write_types(guarding *self) {
  static const uint8_t check[] = {TYPE_FUNCTION, 0, 1, TYPE_I32};
  uint32_t count;
  wasm_writer entries = {0};
  wasm_reader body = open_section(self, WASM_SECTION_TYPE, &count);
  if (count > 0) wasm_write_bytes(&entries, body.at, wasm_reader_left(&body));
  if (self->request->check) wasm_write_bytes(&entries, check, sizeof check);
  end_section(self, WASM_SECTION_TYPE, count + (self->request->check != NULL), &entries);
}

static void write_import_name(wasm_writer *out, const wasm_import_name *name) {
  wasm_write_name(out, name->module);
  wasm_write_name(out, name->name);
}

// What an import is behind its names; nothing in it changes.
static void skip_import_kind(wasm_copier *copier) {
  wasm_reader *in = copier->in;
  uint8_t kind = wasm_read_byte(in);
  if (kind == WASM_TAG) wasm_read_byte(in);
  if (kind == WASM_FUNCTION || kind == WASM_TAG) wasm_copy_index(copier, WASM_SPACE_TYPE);
  if (kind == WASM_TABLE || kind == WASM_GLOBAL) wasm_copy_value_type(copier);
  if (kind == WASM_TABLE || kind == WASM_MEMORY) wasm_read_limits(in);
  if (kind == WASM_GLOBAL) wasm_read_byte(in);
  if (kind > WASM_TAG) wasm_reader_fail(in, "unknown kind of import");
}

static void write_imports(guarding *self) {
  uint32_t count;
  wasm_writer entries = {0};
  wasm_reader body = open_section(self, WASM_SECTION_IMPORT, &count);
  wasm_copier copier = wasm_copier_open(&body, &entries, &self->part.to);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&body); i++) {
    wasm_read_name(&body);
    wasm_read_name(&body);
    copier.kept = body.at;
    write_import_name(&entries, &self->request->imports[i]);
    skip_import_kind(&copier);
    wasm_copy_flush(&copier);
  }
  note(self, &body);
  if (self->request->check) {
    write_import_name(&entries, self->request->check);
    wasm_write_byte(&entries, WASM_FUNCTION);
    wasm_write_u32(&entries, self->part.details.types_count);
  }
  end_section(self, WASM_SECTION_IMPORT, count + (self->request->check != NULL), &entries);
}

static void write_list(guarding *self, wasm_section id) {
  uint32_t count;
  wasm_writer entries = {0};
  wasm_reader body = open_section(self, id, &count);
  if (self->part.present[id]) wasm_copy_entries(&body, id, count, &entries, &self->part.to);
  note(self, &body);
  static const uint8_t global[] = {TYPE_I32, MUTABLE, OP_I32_CONST, 0, OP_END};
  uint32_t added = id == WASM_SECTION_GLOBAL && self->request->check != NULL ? GUARD_GLOBALS : 0;
  for (uint32_t i = 0; i < added; i++) wasm_write_bytes(&entries, global, sizeof global);
  end_section(self, id, count + added, &entries);
}

static void copy_table_limits(wasm_copier *copier, uint32_t elements_max) {
  enum { HAS_MAX = 1 };
  uint8_t flags = wasm_read_byte(copier->in);
  uint32_t min = wasm_read_u32(copier->in), max = (flags & HAS_MAX) != 0 ? wasm_read_u32(copier->in) : UINT32_MAX;
  if (flags > HAS_MAX) wasm_reader_fail(copier->in, "a table of 64 bits");
  if (max > elements_max) max = min > elements_max ? min : elements_max;
  copier->kept = copier->in->at;
  wasm_write_byte(copier->out, HAS_MAX);
  wasm_write_u32(copier->out, min);
  wasm_write_u32(copier->out, max);
}

static void write_tables(guarding *self) {
  enum { WITH_EXPRESSION = 0x40 };
  uint32_t count;
  wasm_writer entries = {0};
  wasm_reader body = open_section(self, WASM_SECTION_TABLE, &count);
  wasm_copier copier = wasm_copier_open(&body, &entries, &self->part.to);
  for (uint32_t i = 0; i < count && !wasm_reader_failed(&body); i++) {
    bool has_expression = wasm_reader_left(&body) > 0 && *body.at == WITH_EXPRESSION;
    if (has_expression) wasm_read_skip(&body, 2);
    wasm_copy_value_type(&copier);
    wasm_copy_flush(&copier);
    copy_table_limits(&copier, self->request->table_elements_max);
    if (has_expression) wasm_copy_expression(&copier);
    wasm_copy_flush(&copier);
  }
  note(self, &body);
  end_section(self, WASM_SECTION_TABLE, count, &entries);
}

static void write_exports(guarding *self) {
  const wasm_module *module = self->part.module;
  wasm_writer entries = {0};
  for (size_t i = 0; i < module->exports_count; i++) {
    const wasm_item *item = &module->exports[i];
    wasm_write_name(&entries, item->name);
    wasm_write_byte(&entries, (uint8_t)item->kind);
    wasm_write_u32(&entries, item->kind == WASM_FUNCTION ? self->part.functions[item->index] : item->index);
  }
  end_section(self, WASM_SECTION_EXPORT, (uint32_t)module->exports_count, &entries);
}

static void write_start(guarding *self) {
  wasm_writer body = {0};
  if (!self->part.module->has_start) return;
  wasm_write_u32(&body, self->part.functions[self->part.details.start]);
  wasm_write_section(&self->out, WASM_SECTION_START, &body);
  buffer_free(&body.bytes);
}

static void write_data_count(guarding *self) {
  const wasm_section_view *view = &self->part.sections[WASM_SECTION_DATA_COUNT];
  if (self->part.present[WASM_SECTION_DATA_COUNT]) wasm_write_bytes(&self->out, view->whole, view->whole_size);
}

static void write_body(guarding *self, const wasm_writer *locals, uint32_t groups, const wasm_writer *code,
                       bool has_calls, wasm_writer *out) {
  wasm_writer body = {.failed = locals->failed || code->failed};
  wasm_write_u32(&body, groups);
  wasm_write_bytes(&body, locals->bytes.data, locals->bytes.size);
  if (has_calls) wasm_write_bytes(&body, self->at_loop.bytes.data, self->at_loop.bytes.size);
  wasm_write_bytes(&body, code->bytes.data, code->bytes.size);
  wasm_write_sized(out, &body);
  buffer_free(&body.bytes);
}

// How many instructions may be executed before one counts: at most those since the last count that stands before them, as
// long as no way leads round that. So one more stands behind a block in which one does, and where its other arm begins.
typedef struct pace {
  uint32_t straight;
  size_t depth;   // of blocks; the function's own is the first
  size_t counted; // a count stands in each block that is open, up to this depth
} pace;

static bool may_take_long(uint8_t code) {
  return (code >= OP_CALL && code <= OP_RETURN_CALL_REF) || code == OP_MEMORY_GROW;
}

static bool opens_block(uint8_t code) {
  return (code >= OP_BLOCK && code <= OP_IF) || code == OP_TRY || code == OP_TRY_TABLE;
}

static bool closes_block(uint8_t code) {
  return code == OP_END || code == OP_DELEGATE;
}

static bool begins_arm(uint8_t code) {
  return code == OP_ELSE || code == OP_CATCH || code == OP_CATCH_ALL;
}

static void pace_restart(pace *self) {
  self->straight = 0;
  self->counted = self->depth;
}

static void pace_follow(pace *self, uint8_t code) {
  enum { LONG = 16 };
  self->straight += may_take_long(code) ? LONG : 1;
  if (code == OP_LOOP) pace_restart(self); // nothing leads to the end of a loop but its last instruction
  if (opens_block(code)) self->depth++;
  bool is_join = closes_block(code) || begins_arm(code);
  if (is_join && self->depth <= self->counted) self->straight = WASM_GUARD_STRAIGHT;
  if (!closes_block(code) || self->depth == 0) return;
  self->depth--;
  if (self->counted > self->depth) self->counted = self->depth;
}

static void copy_instructions(const guarding *self, wasm_copier *copier) {
  pace pace = {.depth = 1};
  while (copier->in->at < copier->in->end && !wasm_reader_failed(copier->in)) {
    if (pace.straight >= WASM_GUARD_STRAIGHT && self->request->check) {
      wasm_copy_flush(copier);
      wasm_write_bytes(copier->out, self->at_loop.bytes.data, self->at_loop.bytes.size);
      pace_restart(&pace);
    }
    pace_follow(&pace, wasm_copy_instruction(copier));
  }
}

static void copy_body(guarding *self, wasm_reader *in, wasm_writer *out) {
  wasm_reader body = wasm_part_take_body(in);
  if (wasm_reader_failed(in)) return;
  wasm_writer locals = {0}, code = {0};
  wasm_copier copier = wasm_copier_open(&body, &locals, &self->part.to);
  wasm_locals declared = wasm_copy_locals(&copier);
  wasm_copy_flush(&copier);
  copier.out = &code;
  if (self->request->check) copier.at_loop = &self->at_loop;
  if (self->request->check) copier.at_bulk = &self->at_bulk;
  copy_instructions(self, &copier);
  wasm_copy_flush(&copier);
  write_body(self, &locals, declared.groups, &code, copier.has_calls, out);
  note(self, &body);
  buffer_free(&locals.bytes);
  buffer_free(&code.bytes);
}

static void write_code(guarding *self) {
  uint32_t count;
  wasm_writer entries = {0};
  wasm_reader bodies = open_section(self, WASM_SECTION_CODE, &count);
  for (uint32_t left = count; left > 0 && !wasm_reader_failed(&bodies) && self->error == NULL; left--)
    copy_body(self, &bodies, &entries);
  if (self->part.present[WASM_SECTION_CODE] && wasm_reader_left(&bodies) > 0)
    wasm_reader_fail(&bodies, "bytes behind the section's content");
  note(self, &bodies);
  end_section(self, WASM_SECTION_CODE, count, &entries);
}

static void write_all(guarding *self) {
  self->out.failed |= !buffer_reserve(&self->out.bytes, self->request->size);
  wasm_write_header(&self->out);
  write_types(self);
  write_imports(self);
  write_list(self, WASM_SECTION_FUNCTION);
  write_tables(self);
  write_list(self, WASM_SECTION_MEMORY);
  write_list(self, WASM_SECTION_TAG);
  write_list(self, WASM_SECTION_GLOBAL);
  write_exports(self);
  write_start(self);
  write_list(self, WASM_SECTION_ELEMENT);
  write_data_count(self);
  write_code(self);
  write_list(self, WASM_SECTION_DATA);
}

// A part counts what it defines; what it imports comes on top.
static void count_imports(guarding *self) {
  static const wasm_space spaces[] = {[WASM_TABLE] = WASM_SPACE_TABLE,
                                      [WASM_MEMORY] = WASM_SPACE_MEMORY,
                                      [WASM_GLOBAL] = WASM_SPACE_GLOBAL,
                                      [WASM_TAG] = WASM_SPACE_TAG};
  wasm_part *part = &self->part;
  for (size_t i = 0; i < part->module->imports_count; i++) {
    wasm_kind kind = part->module->imports[i].kind;
    if (kind == WASM_FUNCTION)
      self->imported_functions++;
    else
      part->to.count[spaces[kind]]++;
  }
  for (uint32_t i = 0; i < part->details.functions_count; i++)
    part->functions[i] = i + (self->request->check != NULL && i >= self->imported_functions);
}

ubiq_error *wasm_guard(const wasm_guard_request *request, uint8_t **out, size_t *out_size) {
  guarding self = {.request = request};
  self.error = wasm_part_read(&self.part, request->wasm, request->size);
  if (self.error == NULL) {
    count_imports(&self);
    if (request->check) write_checks(&self);
    write_all(&self);
  }
  if (self.error == NULL)
    self.error = wasm_writer_take(&self.out, out, out_size);
  else
    buffer_free(&self.out.bytes);
  buffer_free(&self.at_loop.bytes);
  buffer_free(&self.at_bulk.bytes);
  wasm_part_free(&self.part);
  return self.error;
}
