// Counts visits, on disk, without Extism's kernel. Run `ubiq dev examples/visits`, then
//
//     curl -X POST http://127.0.0.1:8080/visits
//
// prints `{"visits":1}`, and `{"visits":2}` the next time, also after a restart.
#include <ubiq/core.h>

/// The number behind `key` (`"value":`) in JSON; 0: there is none.
static uint64_t number_behind(ubiq_core_bytes json, const char *key) {
  const size_t size = strlen(key);
  for (size_t i = 0; i + size < json.size; i++) {
    if (memcmp(json.data + i, key, size) != 0) continue;
    uint64_t number = 0;
    for (i += size; i < json.size && json.data[i] >= '0' && json.data[i] <= '9'; i++)
      number = number * 10 + (uint64_t)(json.data[i] - '0');
    return number;
  }
  return 0;
}

UBIQ_CORE_HANDLE(call) {
  (void)call;
  char text[40] = "{\"visits\":";
  const ubiq_core_bytes answer =
      ubiq_core_invoke_string("{\"method\":\"POST\",\"path\":\"/v1/kv/visits/increment\",\"body\":{}}");
  if (ubiq_core_status(answer) != 200) return ubiq_core_error("the visit could not be counted");
  size_t size = strlen(text);
  size += ubiq_format_u64(text + size, number_behind(answer, "\"value\":"));
  text[size++] = '}';
  ubiq_core_free(answer);
  return ubiq_core_ok(text, size);
}
