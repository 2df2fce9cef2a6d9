// Counts events, each once however often it comes: that it was here and the count are written together or not at all.
#include "platform.h"

static void put_key(const char *kind, const char *topic, const char *order) {
  put(kind);
  put(topic);
  put(order[0] == '\0' ? "" : ":");
  put(order);
}

UBIQ_EXPORT(audit) {
  char input[1024], topic[64], order[64];
  read_input(input, sizeof input);
  text_behind(input, "\"type\":", topic, sizeof topic);
  text_behind(input, "\"order\":", order, sizeof order);
  size = 0;
  put("{\"method\":\"POST\",\"path\":\"/v1/"
      "kv\",\"body\":{\"operations\":[{\"op\":\"put\",\"value\":1,\"if_absent\":true,\"key\":\"");
  put_key("seen:", topic, order);
  put("\"},{\"op\":\"increment\",\"key\":\"");
  put_key("audit:", topic, "");
  put("\"}]}}");
  const int32_t status = ask();
  if (status == 412) return 0; // it was here before
  if (status != 200) return ubiq_error_string("the event cannot be counted");
  size = 0;
  put("{\"method\":\"POST\",\"path\":\"/v1/log\",\"body\":{\"message\":\"counted\",\"attributes\":{\"topic\":\"");
  put(topic);
  put("\",\"order\":\"");
  put(order);
  put("\"}}}");
  return ask() == 204 ? 0 : ubiq_error_string("the log is not there");
}
