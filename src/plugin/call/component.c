// See component.h.
#include "plugin/call/component.h"

#include "base/json.h"
#include "plugin/call/call.h"
#include "plugin/compile/component_build.h"

#include <stdlib.h>

/// What Metatype's own guests compare with the version that they were made by.
#define METATYPE_VERSION         "0.5.1-rc.6"
#define METATYPE_VERSION_SETTING "metatype_version"

// -- An instance's start --

void component_open(plugin *plugin) {
  plugin->component.is_greeted = plugin->component.is_asking = false;
}

static const engine_component_ops *ops_of(const plugin *plugin) {
  return plugin->compiled->modules[0].code->ops->components;
}

static component_value string_field(text name, text value) {
  return (component_value){.kind = COMPONENT_STRING, .name = name, .string = value};
}

static ubiq_error *start_init(plugin *plugin, engine_state *state) {
  ubiq_bytes version = {(const uint8_t *)METATYPE_VERSION, strlen(METATYPE_VERSION)};
  (void)map_get(plugin_config(plugin), TEXT(METATYPE_VERSION_SETTING), &version);
  const text name = text_of(plugin->target.name);
  const component_value info[] = {string_field(TEXT("op-name"), name), string_field(TEXT("mat-title"), name),
                                  string_field(TEXT("mat-hash"), name),
                                  string_field(TEXT("mat-data-json"), TEXT("{}"))};
  const component_value operation = {.kind = COMPONENT_RECORD, .items = info, .count = 4};
  const component_value fields[] = {
      string_field(TEXT("metatype-version"), (text){(const char *)version.data, version.size}),
      {.kind = COMPONENT_LIST, .name = TEXT("expected-ops"), .items = &operation, .count = 1}};
  const component_value arguments = {.kind = COMPONENT_RECORD, .items = fields, .count = 2};
  return ops_of(plugin)->call(plugin->store, COMPONENT_INIT, &arguments, 1, state);
}

ubiq_error *component_step(plugin *plugin, size_t index, engine_state *state) {
  return index == COMPONENT_STEP_INSTANTIATE ? ops_of(plugin)->instantiate(plugin->store, state)
                                             : start_init(plugin, state);
}

// -- What it says of itself: variants, whose words are the guest's --

static text words_of(const component_value *variant) {
  return variant->count == 1 && variant->items[0].kind == COMPONENT_STRING ? variant->items[0].string : (text){NULL, 0};
}

static int shown(text words) {
  enum { WORDS_BYTES_MAX = 64 << 10 };
  return (int)(words.size < WORDS_BYTES_MAX ? words.size : WORDS_BYTES_MAX);
}

static ubiq_error *refused_start(const plugin *plugin, const component_value *variant) {
  const text words = words_of(variant);
  if (text_equal_string(variant->string, "version-mismatch"))
    return ubiq_error_new(
        UBIQ_GUEST_ERROR,
        "init: the component is for another version of Metatype: %.*s; config." METATYPE_VERSION_SETTING " sets it",
        shown(words), words.data);
  if (text_equal_string(variant->string, "unexpected-mat"))
    return ubiq_error_new(UBIQ_GUEST_ERROR, "init: the component has no operation \"%s\"", plugin->target.name);
  return ubiq_error_new(UBIQ_GUEST_ERROR, "init: %.*s", shown(words), words.data);
}

static ubiq_error *check_greeting(plugin *plugin) {
  if (plugin->component.is_greeted) return NULL;
  const component_value *answer;
  ubiq_error *error = ops_of(plugin)->result(plugin->store, &answer);
  if (error) return error;
  if (!answer->is) return refused_start(plugin, &answer->items[0]);
  if (!answer->items[0].items[0].is) return ubiq_error_new(UBIQ_GUEST_ERROR, "init: the component says that it failed");
  plugin->component.is_greeted = true;
  return NULL;
}

// -- A call --

static ubiq_error *refusal(ubiq_error *error) {
  return ubiq_error_with_detail(error, GUEST_REFUSAL);
}

ubiq_error *component_handle(plugin *plugin, engine_state *state) {
  ubiq_error *error = check_greeting(plugin);
  if (error) return error;
  const text input =
      plugin->input.size > 0 ? (text){(const char *)plugin->input.data, plugin->input.size} : TEXT("null");
  if (!text_utf8_valid(input.data, input.size))
    return refusal(ubiq_error_new(UBIQ_INVALID_INPUT, "the input is not UTF-8; expected JSON"));
  const component_value fields[] = {string_field(TEXT("op-name"), text_of(plugin->target.name)),
                                    string_field(TEXT("in-json"), input)};
  const component_value request = {.kind = COMPONENT_RECORD, .items = fields, .count = 2};
  plugin->stage = STAGE_FUNCTION;
  return ops_of(plugin)->call(plugin->store, COMPONENT_HANDLE, &request, 1, state);
}

static ubiq_error *failed(const plugin *plugin, const component_value *variant) {
  const text words = words_of(variant);
  if (text_equal_string(variant->string, "no-handler"))
    return refusal(ubiq_error_new(UBIQ_NOT_FOUND, "the component has no operation \"%s\"", plugin->target.name));
  if (text_equal_string(variant->string, "in-json-err"))
    return refusal(ubiq_error_new(UBIQ_INVALID_INPUT, "%.*s", shown(words), words.data));
  return ubiq_error_new(UBIQ_GUEST_ERROR, "%.*s", shown(words), words.data);
}

// What is not valid is parsed for what to say of it.
static ubiq_error *take_output(plugin *plugin, text json) {
  yyjson_doc *document = NULL;
  ubiq_error *error = outcome_check_size(plugin, json.size);
  if (error) return error;
  if (!json_is_valid(json.data, json.size)) error = json_parse("answer", json.data, json.size, &document);
  yyjson_doc_free(document);
  if (!error) {
    plugin->output = (ubiq_bytes){(const uint8_t *)json.data, json.size};
    return NULL;
  }
  ubiq_error *invalid = ubiq_error_new(UBIQ_INVALID_OUTPUT, "%s", ubiq_error_message(error));
  ubiq_error_delete(error);
  return invalid;
}

ubiq_error *component_conclude(plugin *plugin) {
  const component_value *answer;
  ubiq_error *error = ops_of(plugin)->result(plugin->store, &answer);
  if (error) return error;
  return answer->is ? take_output(plugin, answer->items[0].string) : failed(plugin, &answer->items[0]);
}
