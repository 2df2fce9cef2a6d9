// Is run when somebody wanted to be reminded of an order: publishes that, unless the order is charged.
#include "platform.h"

UBIQ_EXPORT(remind) {
  char input[256], order[64], state[16];
  read_input(input, sizeof input);
  text_behind(input, "\"order\":", order, sizeof order);
  size = 0;
  put("{\"method\":\"GET\",\"path\":\"/v1/kv/order:");
  put(order);
  put("\"}");
  const int32_t status = ask();
  text_behind(text, "\"state\":", state, sizeof state);
  if (status == 404 || (status == 200 && state[0] == 'c')) return 0;
  if (status != 200) return ubiq_error_string("the order cannot be read");
  size = 0;
  put("{\"method\":\"POST\",\"path\":\"/v1/events\",\"body\":{\"type\":\"order.waits\",\"id\":\"");
  put(order);
  put("\",\"data\":{\"order\":\"");
  put(order);
  put("\"}}}");
  return ask() == 202 ? 0 : ubiq_error_string("the event cannot be published");
}
