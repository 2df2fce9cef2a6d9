// The Wasmtime adapter: what Wasmtime reports, in our classes and words.
#include "engine/wasmtime/component.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { BACKTRACE_FRAMES_MAX = 12, MESSAGE_BYTES_MAX = 2048 };

typedef struct trap_text {
  wasmtime_trap_code_t code;
  ubiq_code ours;
  const char *text;
} trap_text;

static const trap_text trap_texts[] = {
    {WASMTIME_TRAP_CODE_STACK_OVERFLOW, UBIQ_TRAP, "call stack exhausted"},
    {WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS, UBIQ_TRAP, "out of bounds memory access"},
    {WASMTIME_TRAP_CODE_HEAP_MISALIGNED, UBIQ_TRAP, "misaligned atomic memory access"},
    {WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS, UBIQ_TRAP, "out of bounds table access"},
    {WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL, UBIQ_TRAP, "indirect call to a null table element"},
    {WASMTIME_TRAP_CODE_BAD_SIGNATURE, UBIQ_TRAP, "indirect call to a function of another type"},
    {WASMTIME_TRAP_CODE_INTEGER_OVERFLOW, UBIQ_TRAP, "integer overflow"},
    {WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO, UBIQ_TRAP, "integer division by zero"},
    {WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER, UBIQ_TRAP, "float out of range of an integer"},
    {WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED, UBIQ_TRAP, "unreachable code was reached"},
    {WASMTIME_TRAP_CODE_INTERRUPT, UBIQ_TIMEOUT, "interrupted"},
    {WASMTIME_TRAP_CODE_OUT_OF_FUEL, UBIQ_CPU_LIMIT, "plugin ran out of fuel"},
    {WASMTIME_TRAP_CODE_ATOMIC_WAIT_NON_SHARED_MEMORY, UBIQ_TRAP, "wait on a memory that is not shared"},
    {WASMTIME_TRAP_CODE_NULL_REFERENCE, UBIQ_TRAP, "null reference"},
    {WASMTIME_TRAP_CODE_ARRAY_OUT_OF_BOUNDS, UBIQ_TRAP, "out of bounds array access"},
    {WASMTIME_TRAP_CODE_ALLOCATION_TOO_LARGE, UBIQ_TRAP, "allocation too large"},
    {WASMTIME_TRAP_CODE_CAST_FAILURE, UBIQ_TRAP, "cast failure"},
    {WASMTIME_TRAP_CODE_UNCAUGHT_EXCEPTION, UBIQ_TRAP, "uncaught exception"},
};

static const trap_text *find_trap_text(wasmtime_trap_code_t code) {
  for (size_t i = 0; i < sizeof trap_texts / sizeof *trap_texts; i++)
    if (trap_texts[i].code == code) return &trap_texts[i];
  return NULL;
}

// Names are UTF-8; what is cut ends with a whole character.
static int length_shown(const wasm_name_t *name) {
  enum { NAME_BYTES_MAX = 80 };
  size_t size = name->size < NAME_BYTES_MAX ? name->size : NAME_BYTES_MAX;
  while (size < name->size && size > 0 && ((uint8_t)name->data[size] & 0xc0) == 0x80) size--;
  return (int)size;
}

static size_t print_name(char *text, size_t room, const wasm_name_t *name, uint32_t index) {
  int n =
      name ? snprintf(text, room, "%.*s", length_shown(name), name->data) : snprintf(text, room, "function %u", index);
  return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

// Writes " (in inner < caller < caller's caller)".
static void print_frames(const wasm_frame_vec_t *frames, char *text, size_t room) {
  size_t used = 0;
  text[0] = 0;
  for (size_t i = 0; i < frames->size && i < BACKTRACE_FRAMES_MAX && used + 128 < room; i++) {
    used += (size_t)snprintf(text + used, room - used, i ? " < " : " (in ");
    used += print_name(text + used, room - used, wasmtime_frame_func_name(frames->data[i]),
                       wasm_frame_func_index(frames->data[i]));
  }
  if (used) snprintf(text + used, room - used, frames->size > BACKTRACE_FRAMES_MAX ? " < ...)" : ")");
}

static void print_backtrace(const wasm_trap_t *trap, char *text, size_t room) {
  wasm_frame_vec_t frames;
  wasm_trap_trace(trap, &frames);
  print_frames(&frames, text, room);
  wasm_frame_vec_delete(&frames);
}

static bool is_exception(const wasm_byte_vec_t *message) {
  return memmem(message->data, message->size, "thrown Wasm exception", 21) != NULL;
}

static text without_prefix(text line, const char *prefix) {
  size_t size = strlen(prefix);
  return text_starts_with(line, text_of(prefix)) ? (text){line.data + size, line.size - size} : line;
}

// Of several causes each has a number in front.
static text without_number(text line) {
  size_t digits = 0;
  while (digits < line.size && line.data[digits] >= '0' && line.data[digits] <= '9') digits++;
  bool is_number = digits > 0 && line.size > digits + 1 && line.data[digits] == ':' && line.data[digits + 1] == ' ';
  return is_number ? (text){line.data + digits + 2, line.size - digits - 2} : line;
}

static bool append_cause(buffer *out, text line) {
  line = without_prefix(without_number(line), "wasm trap: ");
  if (line.size == 0) return true;
  return (out->size == 0 || buffer_append_string(out, ": ")) && buffer_append(out, line.data, line.size);
}

// Puts a message on one line: what failed, and why, without a backtrace. One that points into a text keeps its lines.
static const char *words_of(const wasm_byte_vec_t *message, buffer *out) {
  static const char causes[] = "Caused by:";
  bool ok = true, is_trace = false;
  text rest = {message->data, message->size}, line;
  if (!memmem(message->data, message->size, causes, strlen(causes)))
    return buffer_append(out, message->data, message->size) ? buffer_string(out) : NULL;
  while (ok && text_split(&rest, '\n', &line)) {
    line = text_trim(line);
    if (text_equal_string(line, causes))
      is_trace = false;
    else if (text_starts_with(line, TEXT("error while executing at wasm backtrace")))
      is_trace = true;
    else if (!is_trace)
      ok = append_cause(out, line);
  }
  return ok ? buffer_string(out) : NULL;
}

static ubiq_error *from_words(ubiq_code code, const wasm_byte_vec_t *message, const char *more) {
  buffer out = {0};
  const char *words = words_of(message, &out);
  ubiq_error *error = words ? ubiq_error_new(code, "%s%s", words, more) : ubiq_error_no_memory();
  buffer_free(&out);
  return error;
}

static ubiq_error *from_known(const trap_text *known, const char *where) {
  ubiq_error *error = ubiq_error_new(known->ours, "%s%s", known->text, known->ours == UBIQ_TRAP ? where : "");
  bool is_unreachable = known->code == WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED;
  return is_unreachable ? ubiq_error_with_detail(error, ENGINE_TRAP_UNREACHABLE) : error;
}

static ubiq_error *from_trap(wasm_trap_t *trap) {
  wasmtime_trap_code_t code = 0;
  const trap_text *known = wasmtime_trap_code(trap, &code) ? find_trap_text(code) : NULL;
  char where[MESSAGE_BYTES_MAX];
  print_backtrace(trap, where, sizeof where);
  if (known) return from_known(known, where);
  wasm_byte_vec_t message;
  wasm_trap_message(trap, &message);
  if (message.size && message.data[message.size - 1] == 0) message.size--;
  ubiq_error *error = is_exception(&message) ? ubiq_error_new(UBIQ_TRAP, "uncaught exception%s", where)
                                             : from_words(UBIQ_TRAP, &message, where);
  wasm_byte_vec_delete(&message);
  return error;
}

// What Wasmtime's errors mean, by a part of their text: its C API has no codes for them.
typedef struct error_text {
  const char *part;
  ubiq_code code;
  const char *hint;
} error_text;

static const error_text error_texts[] = {
    {"maximum concurrent", UBIQ_BUSY, ""},
    {"os error 12", UBIQ_BUSY,
     "; the process has used up its memory or its mappings: raise vm.max_map_count for more runs at once"},
    {"exceeds memory limits", UBIQ_MEMORY_LIMIT, ""},
    {"memory minimum size", UBIQ_MEMORY_LIMIT, ""},
    {"memory count too high", UBIQ_MEMORY_LIMIT, "; expected a component with one memory"},
    {"resource limit exceeded", UBIQ_MEMORY_LIMIT, ""},
    {"GC heap out of memory", UBIQ_MEMORY_LIMIT, ""},
    {"table minimum size", UBIQ_MEMORY_LIMIT, ""},
    {"incompatible import type", UBIQ_INVALID_INPUT, ""},
    {"shared memory support is disabled", UBIQ_INVALID_INPUT, "; expected a module for one thread"},
};

static const error_text *find_error_text(const wasm_byte_vec_t *message) {
  static const error_text unknown = {"", UBIQ_INTERNAL, ""};
  for (size_t i = 0; i < sizeof error_texts / sizeof *error_texts; i++)
    if (memmem(message->data, message->size, error_texts[i].part, strlen(error_texts[i].part))) return &error_texts[i];
  return &unknown;
}

static ubiq_error *from_error(wasmtime_error_t *error) {
  wasm_byte_vec_t message;
  wasmtime_error_message(error, &message);
  const error_text *known = find_error_text(&message);
  ubiq_error *result = is_exception(&message) ? ubiq_error_new(UBIQ_TRAP, "uncaught exception")
                                              : from_words(known->code, &message, known->hint);
  wasm_byte_vec_delete(&message);
  return result;
}

// Components' traps come as errors: their causes are texts.
static ubiq_error *from_component_error(wasmtime_error_t *error) {
  static const char unreachable[] = "`unreachable` instruction";
  wasm_byte_vec_t message;
  wasmtime_error_message(error, &message);
  const error_text *known = find_error_text(&message);
  ubiq_code code = known->code == UBIQ_INTERNAL ? UBIQ_TRAP : known->code;
  char where[MESSAGE_BYTES_MAX];
  wasm_frame_vec_t frames;
  wasmtime_error_wasm_trace(error, &frames);
  print_frames(&frames, where, sizeof where);
  wasm_frame_vec_delete(&frames);
  ubiq_error *result = from_words(code, &message, code == UBIQ_TRAP ? where : known->hint);
  if (code == UBIQ_TRAP && memmem(message.data, message.size, unreachable, strlen(unreachable)))
    result = ubiq_error_with_detail(result, ENGINE_TRAP_UNREACHABLE);
  wasm_byte_vec_delete(&message);
  return result;
}

ubiq_error *wt_take_component_error(wt_store *store, wasmtime_error_t *error) {
  ubiq_error *result = store->host_error;
  store->host_error = NULL;
  if (!result) result = from_component_error(error);
  wasmtime_error_delete(error);
  return result;
}

ubiq_error *wt_take_error(wt_store *store, wasmtime_error_t *error, wasm_trap_t *trap) {
  if (!error && !trap) return NULL;
  ubiq_error *result = store ? store->host_error : NULL;
  if (store) store->host_error = NULL;
  if (!result) result = trap ? from_trap(trap) : from_error(error);
  if (trap) wasm_trap_delete(trap);
  if (error) wasmtime_error_delete(error);
  return result;
}
