// Charges an order. It stands for a service that is asked over HTTP: it takes a rate, a key when there is one, and may refuse.
#include "platform.h"

enum { CENTS_MAX = 100000 };

/// What is charged for 100: from the cache, where it stays a minute, or from the settings. 0: it is not there.
static uint64_t find_rate(void) {
  if (ask_for("{\"method\":\"GET\",\"path\":\"/v1/cache/rate\"}") == 200) return number_behind(text, "\"body\":");
  if (ask_for("{\"method\":\"GET\",\"path\":\"/v1/config/rate\"}") != 200) return 0;
  const uint64_t rate = number_behind(text, "\"value\":");
  size = 0;
  put("{\"method\":\"PUT\",\"path\":\"/v1/cache/rate\",\"query\":{\"ttl\":\"1m\"},\"body\":");
  put_number(rate);
  put("}");
  return ask() == 204 ? rate : 0;
}

UBIQ_EXPORT(charge) {
  char input[256];
  const size_t count = ubiq_input_read(input, sizeof input - 1);
  input[count < sizeof input ? count : sizeof input - 1] = '\0';
  const uint64_t cents = number_behind(input, "\"cents\":");
  const uint64_t rate = find_rate();
  if (rate == 0) return ubiq_error_string("the setting \"rate\" is missing; expected a number");
  if (cents == 0 || cents > CENTS_MAX) return ubiq_error_string("the bank refuses more than 1000.00");
  const bool is_real = ask_for("{\"method\":\"GET\",\"path\":\"/v1/secrets/payment-key\"}") == 200;
  size = 0;
  put("{\"charged\":");
  put_number(cents * rate / 100);
  put(is_real ? ",\"is_test\":false}" : ",\"is_test\":true}");
  return ubiq_output(text, size);
}
