// What a call came to: the error that the guest set, its return code, a trap, an exit.
#include "plugin/call/call.h"
#include "plugin/call/component.h"
#include "plugin/call/core.h"
#include "plugin/host/wasi_glue.h"

#include "kernel/kernel.h"
#include "plugin/parts/blocks.h"

// What a guest said, cut and made UTF-8 where it is not. NULL when memory is out.
static const char *clean(text said, buffer *out) {
  enum { SAID_BYTES_MAX = 64 << 10 };
  if (said.size > SAID_BYTES_MAX) said.size = SAID_BYTES_MAX;
  bool ok = text_utf8_valid(said.data, said.size) ? buffer_append(out, said.data, said.size) : text_escape(out, said);
  return ok ? buffer_string(out) : NULL;
}

static text kernel_text(const engine_memory *memory, uint64_t offset, uint64_t length) {
  const uint8_t *place = offset && length ? engine_memory_span(memory, offset, length) : NULL;
  return (text){(const char *)place, place ? length : 0};
}

// How a guest says why it failed: the error that it set stands before everything else.
static ubiq_error *guest_error(plugin *plugin, text said, int32_t code) {
  if (!said.size)
    return ubiq_error_with_detail(ubiq_error_new(UBIQ_GUEST_ERROR, "%s returned %d", plugin->target.name, code), code);
  buffer cleaned = {0};
  const char *words = clean(said, &cleaned);
  ubiq_error *error = words ? ubiq_error_new(UBIQ_GUEST_ERROR, "%s", words) : ubiq_error_no_memory();
  buffer_free(&cleaned);
  return ubiq_error_with_detail(error, code);
}

// A guest answers a refused growth with a trap of its own making. That it was refused the kernel says, and a module that
// is merged with it (engine/wasm/wasm_merge_grow.c). An engine does not: of modules that are linked `unreachable`, with which
// allocators give up, is taken for it when most of the limit is in use.
static bool looks_out_of_memory(plugin *plugin, const ubiq_error *trap) {
  uint64_t limit = plugin->compiled->memory_bytes_max;
  if (plugin->grow_refused || plugin->compiled->is_merged) return plugin->grow_refused;
  bool is_unreachable = ubiq_error_detail(trap) == ENGINE_TRAP_UNREACHABLE;
  return is_unreachable && limit && plugin_memory_bytes(plugin) > limit / 4 * 3;
}

static ubiq_error *from_trap(plugin *plugin, ubiq_error *error, text said) {
  if (ubiq_error_code(error) != UBIQ_TRAP) return error;
  ubiq_code code = looks_out_of_memory(plugin, error) ? UBIQ_MEMORY_LIMIT : UBIQ_TRAP;
  if (code == UBIQ_TRAP && !said.size) return error;
  const char *why = code == UBIQ_MEMORY_LIMIT ? "out of memory: " : "";
  buffer cleaned = {0};
  const char *words = said.size ? clean(said, &cleaned) : "";
  ubiq_error *result = words
                           ? ubiq_error_new(code, "%s%s%s%s", why, ubiq_error_message(error), *words ? ": " : "", words)
                           : ubiq_error_no_memory();
  buffer_free(&cleaned);
  result = ubiq_error_with_detail(result, ubiq_error_detail(error));
  ubiq_error_delete(error);
  return result;
}

static ubiq_error *from_exit(plugin *plugin, ubiq_error *error, uint32_t code, text said) {
  ubiq_error_delete(error);
  plugin->store_spent = true;
  if (code == 0 && !said.size) return NULL;
  if (said.size) return guest_error(plugin, said, (int32_t)code);
  return ubiq_error_with_detail(ubiq_error_new(UBIQ_GUEST_ERROR, "%s exited with code %u", plugin->target.name, code),
                                (int32_t)code);
}

static int32_t return_code(const plugin *plugin) {
  const wasm_signature *signature = plugin->target.signature;
  if (signature->results_count == 0) return 0;
  return signature->results[0] == WASM_TYPE_I32 ? plugin->values[0].i32 : -1;
}

// The output that the guest set, and the error, which is returned.
static text take_from_kernel(plugin *plugin) {
  engine_memory memory = plugin_kernel_memory(plugin);
  struct kernel_root root = blocks_root(&memory);
  text output = kernel_text(&memory, root.output_offset, root.output_length);
  plugin->output = (ubiq_bytes){(const uint8_t *)output.data, output.size};
  plugin->said = kernel_text(&memory, root.error_offset, root.error_length);
  return plugin->said;
}

ubiq_error *outcome_check_size(const plugin *plugin, size_t size) {
  enum { ENVELOPE_BYTES = 64 };
  uint64_t bytes_max = plugin->limits.output_bytes_max;
  if (bytes_max == 0 || size <= bytes_max || size - bytes_max <= ENVELOPE_BYTES) return NULL;
  return ubiq_error_new(UBIQ_INVALID_OUTPUT, "answered %zu bytes; expected at most %llu", size,
                        (unsigned long long)bytes_max);
}

ubiq_error *outcome_conclude(plugin *plugin, ubiq_error *error) {
  plugin->stage = STAGE_IDLE;
  plugin->was_stopped |= error != NULL;
  plugin->store_spent |= error != NULL && plugin->compiled->options.component; // it cannot be entered again
  wasi_flush(plugin);
  text said = compiled_has_kernel(plugin->compiled) ? take_from_kernel(plugin) : (text){NULL, 0};
  if (plugin->fuel) plugin->fuel_used = budget_fuel_used(plugin);
  uint32_t code;
  plugin->store_spent |= plugin->target.name && plugin->is_command;
  if (error && plugin->wasi && wasi_context_exited(plugin->wasi, &code)) return from_exit(plugin, error, code, said);
  if (error) return from_trap(plugin, error, said);
  if (plugin->compiled->options.core) return core_conclude(plugin);
  if (plugin->compiled->options.component) return component_conclude(plugin);
  if (said.size || return_code(plugin) != 0) return guest_error(plugin, said, return_code(plugin));
  return NULL;
}
