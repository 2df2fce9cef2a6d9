// config.get: a setting of the function, else of its environment, else of the project, else of the process: of the variable
// UBIQ_CONFIG_ and the name in capitals, with `_` for what is neither letter nor digit.
#include "services/config/config.h"

#include "base/json_write.h"
#include "services/operations.h"
#include "services/services.h"

#include <stdlib.h>

bool config_variable(text name, char out[CONFIG_VARIABLE_SIZE]) {
  size_t at = sizeof CONFIG_PREFIX - 1;
  if (at + name.size >= CONFIG_VARIABLE_SIZE) return false;
  memcpy(out, CONFIG_PREFIX, at);
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool is_small = c >= 'a' && c <= 'z', is_plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out[at++] = (char)(is_small ? c - 'a' + 'A' : is_plain ? c : '_');
  }
  out[at] = '\0';
  return true;
}

static bool find_in_process(text name, text *out) {
  char variable[CONFIG_VARIABLE_SIZE];
  *out = text_of(config_variable(name, variable) ? getenv(variable) : NULL);
  return out->data != NULL;
}

static bool find(const service_call *call, text name, text *out) {
  const service_caller *caller = &call->caller;
  if (caller->find_setting != NULL &&
      caller->find_setting(caller->settings, text_of(call->services->environment), name, out))
    return true;
  return find_in_process(name, out);
}

void config_answer(service_call *call, text name, text value) {
  buffer *out = &call->bytes;
  bool good = buffer_append_string(out, "{\"name\":") && json_write_text(out, name) &&
              buffer_append_string(out, ",\"value\":") && json_write_text(out, value) && buffer_append_byte(out, '}');
  if (good)
    service_call_answer_json(call, (text){"", 0});
  else
    service_call_fail(call, ubiq_error_no_memory());
}

void service_config_get(service_call *call) {
  const text name = call->params[CONFIG_GET_NAME].text;
  text value;
  if (find(call, name, &value))
    config_answer(call, name, value);
  else
    service_call_fail(call, ubiq_error_new(UBIQ_NOT_FOUND, "config: there is no such setting"));
}
