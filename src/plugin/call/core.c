// See core.h.
#include "plugin/call/core.h"

#include "base/json.h"
#include "plugin/call/call.h"
#include "plugin/compile/core_module.h"
#include "plugin/compile/hub_shim.h"

// -- A call --

void core_open(plugin *plugin) {
  plugin->core.input = plugin->core.answer = (core_block){0, 0};
}

void core_call_begin(plugin *plugin) {
  plugin->core.is_answering = false;
}

ubiq_error *core_start(plugin *plugin, engine_state *state) {
  static const wasm_type params[HUB_CALL_PARAMS] = {WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32,
                                                    WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32};
  static const wasm_type result = WASM_TYPE_I64;
  static const wasm_signature signature = {params, &result, HUB_CALL_PARAMS, 1};
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
  engine_memory memory = plugin_core_memory(plugin);
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
