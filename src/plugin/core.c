// See core.h.
#include "plugin/core.h"

#include "base/json.h"
#include "plugin/call.h"
#include "plugin/hub_shim.h"

static const wasm_type types[] = {WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32};
static const wasm_type i64 = WASM_TYPE_I64;
static const wasm_signature alloc_signature = {types, types, 1, 1};
static const wasm_signature free_signature = {types, NULL, 2, 0};
static const wasm_signature handle_signature = {types, &i64, 5, 1};

// -- What the module is --

ubiq_bytes core_no_kernel(void) {
  // (module (import "ubiq:kernel" "grow" (func (param i32 i32) (result i32)))
  //   (func (export "alloc") (param i64) (result i64) (i64.const 0)))
  static const uint8_t wasm[] = {
      0x00, 'a',  's',  'm',  0x01, 0x00, 0x00, 0x00,                                          //
      0x01, 0x0c, 0x02, 0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7e, 0x01, 0x7e,      // types
      0x02, 0x14, 0x01, 0x0b, 'u',  'b',  'i',  'q',  ':',  'k',  'e',  'r',  'n',  'e',  'l', //
      0x04, 'g',  'r',  'o',  'w',  0x00, 0x00,                                                // the import
      0x03, 0x02, 0x01, 0x01,                                                                  // alloc's type
      0x07, 0x09, 0x01, 0x05, 'a',  'l',  'l',  'o',  'c',  0x00, 0x01,                        // its export
      0x0a, 0x06, 0x01, 0x04, 0x00, 0x42, 0x00, 0x0b,                                          // its code
  };
  return (ubiq_bytes){wasm, sizeof wasm};
}

static const wasm_module *module_of(const compiled *compiled) {
  return compiled->modules[compiled->main].wasm;
}

static ubiq_error *check_export(const compiled *compiled, const char *name, const wasm_signature *signature) {
  const wasm_item *item = wasm_module_export(module_of(compiled), name);
  if (item && item->kind == WASM_FUNCTION && wasm_signature_equal(&item->signature, signature)) return NULL;
  char expected[128], found[128] = "";
  wasm_signature_print(signature, expected, sizeof expected);
  if (item && item->kind == WASM_FUNCTION) wasm_signature_print(&item->signature, found, sizeof found);
  return ubiq_error_new(
      UBIQ_INVALID_INPUT, "the module exports %s%s%s; for the wire \"core\" expected a function %s %s",
      item ? name : "no ", item ? *found ? " as " : ", which is no function" : name, found, name, expected);
}

ubiq_error *core_check(compiled *compiled) {
  if (!compiled->options.core) return NULL;
  if (!compiled->options.suspends || compiled->modules_count != 2)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the wire \"core\" is for plugins of one module that run on a loop");
  const wasm_item *memory = wasm_module_export(module_of(compiled), "memory");
  if (!memory || memory->kind != WASM_MEMORY)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the module exports no memory; for the wire \"core\" expected one as "
                                              "\"memory\"");
  compiled->core_memory = KERNEL_MEMORY + 1 + memory->index;
  ubiq_error *error = check_export(compiled, "ubiq_alloc", &alloc_signature);
  if (!error) error = check_export(compiled, "ubiq_free", &free_signature);
  return error ? error : check_export(compiled, "ubiq_handle", &handle_signature);
}

void core_function(const compiled *compiled, const char *name, compiled_function *out) {
  (void)compiled;
  *out = (compiled_function){.name = name, .signature = &handle_signature};
}

// -- A call --

void core_open(plugin *plugin) {
  plugin->core.input = plugin->core.answer = (core_block){0, 0};
}

engine_memory core_memory(const plugin *plugin) {
  engine_memory memory = {0};
  engine_store_memory(plugin->store, plugin->compiled->core_memory, &memory);
  return memory;
}

void core_call_begin(plugin *plugin) {
  plugin->core.is_answering = false;
}

ubiq_error *core_start(plugin *plugin, engine_state *state) {
  static const wasm_type params[HUB_CALL_PARAMS] = {WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32,
                                                    WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32};
  static const wasm_signature signature = {params, &i64, HUB_CALL_PARAMS, 1};
  core_state *core = &plugin->core;
  const size_t name_size = strlen(plugin->target.name), size = name_size + plugin->input.size;
  if (size > INT32_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "an input of %zu bytes does not fit into a memory", plugin->input.size);
  const uint32_t arguments[HUB_CALL_PARAMS] = {
      [HUB_CALL_NAME_SIZE] = (uint32_t)name_size,   [HUB_CALL_INPUT_SIZE] = (uint32_t)plugin->input.size,
      [HUB_CALL_ANSWER_PLACE] = core->answer.place, [HUB_CALL_ANSWER_SIZE] = core->answer.size,
      [HUB_CALL_BLOCK_PLACE] = core->input.place,   [HUB_CALL_BLOCK_SIZE] = core->input.size};
  for (size_t i = 0; i < HUB_CALL_PARAMS; i++) plugin->values[i] = (engine_value){.i32 = (int32_t)arguments[i]};
  core->answer = core->input = (core_block){0, 0};
  plugin->stage = STAGE_FUNCTION;
  return engine_call_start(plugin->store, &plugin->function, &signature, plugin->values, state);
}

ubiq_error *core_place(void *env, engine_call *call, engine_value *values) {
  (void)env;
  plugin *plugin = call->user;
  const size_t name_size = strlen(plugin->target.name);
  const core_block block = {(uint32_t)values[0].i64, (uint32_t)(name_size + plugin->input.size)};
  engine_memory memory = core_memory(plugin);
  if (block.place == 0)
    return ubiq_error_new(UBIQ_MEMORY_LIMIT, "out of memory: ubiq_alloc has no room for %u bytes", block.size);
  uint8_t *place = engine_memory_span(&memory, block.place, block.size);
  if (!place)
    return host_fault(ubiq_error_new(UBIQ_TRAP, "ubiq_alloc answered %u for %u bytes, which its memory does not have",
                                     block.place, block.size));
  memcpy(place, plugin->target.name, name_size);
  if (plugin->input.size > 0) memcpy(place + name_size, plugin->input.data, plugin->input.size);
  plugin->core.input = block;
  return NULL;
}

// -- The answer --

static ubiq_error *invalid(ubiq_error *error) {
  if (ubiq_error_code(error) != UBIQ_INVALID_INPUT) return error;
  ubiq_error *output = ubiq_error_new(UBIQ_INVALID_OUTPUT, "%s", ubiq_error_message(error));
  ubiq_error_delete(error);
  return output;
}

static ubiq_error *read_failure(const json_value *failure) {
  ubiq_error *error = json_expect_object(failure);
  json_value message = json_field(failure, "message");
  text said = TEXT("the function failed");
  if (!error && !json_is_absent(&message)) error = json_get_text(&message, &said);
  return error ? invalid(error) : ubiq_error_new(UBIQ_GUEST_ERROR, "%.*s", (int)said.size, said.data);
}

static ubiq_error *write_value(const json_value *value, buffer *out) {
  size_t size = 0;
  char *json = yyjson_val_write(value->value, YYJSON_WRITE_NOFLAG, &size);
  bool good = json && buffer_append(out, json, size);
  free(json);
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *read_root(const json_value *root, buffer *out) {
  static const char *const keys[] = {"ok", "error"};
  ubiq_error *error = json_expect_object(root);
  if (!error) error = json_check_keys(root, keys, sizeof keys / sizeof *keys);
  if (error) return invalid(error);
  json_value ok = json_field(root, "ok"), failure = json_field(root, "error");
  if (!ok.value == !failure.value)
    return ubiq_error_new(UBIQ_INVALID_OUTPUT, "answer: has %s; expected {\"ok\": ...} or {\"error\": {...}}",
                          ok.value ? "both \"ok\" and \"error\"" : "neither \"ok\" nor \"error\"");
  return ok.value ? write_value(&ok, out) : read_failure(&failure);
}

// {"ok":value}, as nearly all write it: what stands between is the value if it is JSON.
static bool find_value(ubiq_bytes answer, ubiq_bytes *value) {
  static const char head[] = "{\"ok\":";
  const size_t head_size = sizeof head - 1;
  if (answer.size < head_size + 1 || memcmp(answer.data, head, head_size) != 0 || answer.data[answer.size - 1] != '}')
    return false;
  *value = (ubiq_bytes){answer.data + head_size, answer.size - head_size - 1};
  return json_is_valid(value->data, value->size);
}

ubiq_error *core_answer_read(ubiq_bytes answer, buffer *room, ubiq_bytes *value) {
  static const json_source source = {.name = "answer"};
  yyjson_doc *document = NULL;
  if (find_value(answer, value)) return NULL;
  buffer_clear(room);
  ubiq_error *error = json_parse("answer", answer.data, answer.size, &document);
  if (error) return invalid(error);
  json_value root = json_root(&source, yyjson_doc_get_root(document));
  error = read_root(&root, room);
  yyjson_doc_free(document);
  *value = buffer_bytes(room);
  return error;
}

ubiq_error *core_conclude(plugin *plugin) {
  core_state *core = &plugin->core;
  uint64_t packed = (uint64_t)plugin->values[0].i64;
  const core_block block = {(uint32_t)(packed >> 32), (uint32_t)packed};
  engine_memory memory = core_memory(plugin);
  const uint8_t *place = engine_memory_span(&memory, block.place, block.size);
  ubiq_bytes value = {0};
  if (!place)
    return ubiq_error_new(UBIQ_INVALID_OUTPUT, "ubiq_handle answered %u bytes at %u, which its memory does not have",
                          block.size, block.place);
  core->answer = block;
  ubiq_error *error = outcome_check_size(plugin, block.size);
  if (!error) error = core_answer_read((ubiq_bytes){place, block.size}, &core->output, &value);
  if (!error) plugin->output = value;
  return error;
}
