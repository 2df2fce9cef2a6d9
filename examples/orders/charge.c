// Charges an order: by a bank that is asked over HTTP where the setting `bank` says where it is, or as if there were one.
#include "platform.h"

enum { CENTS_MAX = 100000 };

/// What is charged for 100; of many who ask at once, one looks it up and the others wait for it. It stays a minute. 0: it is not there.
static uint64_t find_rate(void) {
  char lock[65];
  const int32_t status = ask_for("{\"method\":\"POST\",\"path\":\"/v1/cache/rate/lock\",\"query\":{\"wait\":\"5s\"}}");
  if (status == 200) return number_behind(text, "\"body\":");
  text_behind(text, "\"lock\":", lock, sizeof lock);
  if (status != 201 || ask_for("{\"method\":\"GET\",\"path\":\"/v1/config/rate\"}") != 200) return 0;
  const uint64_t rate = number_behind(text, "\"value\":");
  size = 0;
  put("{\"method\":\"PUT\",\"path\":\"/v1/cache/rate\",\"query\":{\"ttl\":\"1m\",\"lock\":\"");
  put(lock);
  put("\"},\"body\":");
  put_number(rate);
  put("}");
  return ask() == 204 ? rate : 0;
}

/// Whether the bank takes it. It gets the order's id, so that it charges the same order once. What does not answer is asked again.
static bool ask_bank(const char *url, const char *key, const char *order, uint64_t cents) {
  size = 0;
  put("{\"method\":\"POST\",\"path\":\"/v1/http\",\"body\":{\"method\":\"PUT\",\"retries\":3,\"url\":\"");
  put(url);
  put("/");
  put(order);
  put("\",\"headers\":{\"authorization\":\"Bearer ");
  put(key);
  put("\"},\"body\":{\"cents\":");
  put_number(cents);
  put("}}}");
  if (ask() != 200) return false;
  const char *answer = behind(text, "\"body\":");
  return answer != NULL && number_behind(answer, "\"status\":") == 201;
}

UBIQ_EXPORT(charge) {
  char input[256], order[64], key[256], bank[256];
  read_input(input, sizeof input);
  text_behind(input, "\"order\":", order, sizeof order);
  const uint64_t cents = number_behind(input, "\"cents\":");
  const uint64_t rate = find_rate();
  if (rate == 0) return ubiq_error_string("the setting \"rate\" is missing; expected a number");
  if (cents == 0 || cents > CENTS_MAX) return ubiq_error_string("the bank refuses more than 1000.00");
  ask_for("{\"method\":\"GET\",\"path\":\"/v1/secrets/payment-key\"}");
  text_behind(text, "\"value\":", key, sizeof key); // empty: there is none
  ask_for("{\"method\":\"GET\",\"path\":\"/v1/config/bank\"}");
  text_behind(text, "\"value\":", bank, sizeof bank);
  if (bank[0] != '\0' && !ask_bank(bank, key, order, cents * rate / 100))
    return ubiq_error_string("the bank does not take it");
  size = 0;
  put("{\"charged\":");
  put_number(cents * rate / 100);
  put(bank[0] != '\0' ? ",\"is_test\":false}" : ",\"is_test\":true}");
  return ubiq_output(text, size);
}
