/// Asks the platform without the kernel (`wire = "core"`), in both formats.
#include <ubiq/core.h>

/// A constant request in MessagePack, which may hold a NUL.
#define PACKED(text) ubiq_core_invoke(UBIQ_CORE_MESSAGEPACK, text, sizeof text - 1)

static ubiq_core_answer hand_on(ubiq_core_bytes answer) {
  if (answer.data == NULL) return ubiq_core_error("there is no room for the answer");
  const ubiq_core_answer said = ubiq_core_ok(answer.data, answer.size);
  ubiq_core_free(answer);
  return said;
}

static ubiq_core_answer hexadecimal(ubiq_core_bytes answer) {
  static const char digits[] = "0123456789abcdef";
  char *text = (char *)ubiq_alloc(2 * answer.size + 2), *end = text;
  if (answer.data == NULL || text == NULL) return ubiq_core_error("there is no room for the answer");
  *end++ = '"';
  for (size_t i = 0; i < answer.size; i++) {
    *end++ = digits[(unsigned char)answer.data[i] >> 4];
    *end++ = digits[(unsigned char)answer.data[i] & 15];
  }
  *end++ = '"';
  const ubiq_core_answer said = ubiq_core_ok(text, (size_t)(end - text));
  ubiq_free(text);
  ubiq_core_free(answer);
  return said;
}

/// Counts a visit, keeps the count in the cache and reads it back, tells the log and publishes an event. Answers the statuses.
static ubiq_core_answer tour(void) {
  static const char *const requests[] = {
      "{\"method\":\"POST\",\"path\":\"/v1/kv/visits/increment\",\"body\":{}}",
      "{\"method\":\"PUT\",\"path\":\"/v1/cache/last\",\"body\":{\"seen\":true}}",
      "{\"method\":\"GET\",\"path\":\"/v1/cache/last\"}",
      "{\"method\":\"POST\",\"path\":\"/v1/log\",\"body\":{\"message\":\"from core\",\"attributes\":{\"format\":0}}}",
      "{\"method\":\"POST\",\"path\":\"/v1/events\",\"body\":{\"type\":\"core.visited\",\"data\":{\"format\":0}}}",
  };
  enum { COUNT = sizeof requests / sizeof *requests };
  char statuses[8 * COUNT] = "[", *end = statuses + 1;
  for (int i = 0; i < COUNT; i++) {
    const ubiq_core_bytes answer = ubiq_core_invoke_string(requests[i]);
    end += ubiq_format_u64(end, (uint64_t)ubiq_core_status(answer));
    *end++ = i + 1 < COUNT ? ',' : ']';
    ubiq_core_free(answer);
  }
  return ubiq_core_ok(statuses, (size_t)(end - statuses));
}

/// The status in an answer in MessagePack, which begins with it: a map, "status", a number of one or two bytes.
static uint64_t packed_status(ubiq_core_bytes answer) {
  const unsigned char *at = (const unsigned char *)answer.data;
  if (answer.size < 11 || memcmp(at + 1, "\xa6status", 7) != 0) return 0;
  return at[8] == 0xcc ? at[9] : at[8] == 0xcd ? (uint64_t)at[9] << 8 | at[10] : 0;
}

static ubiq_core_answer tour_packed(void) {
  const ubiq_core_bytes answers[] = {
      PACKED("\x83\xa6method\xa4POST\xa4path\xb7/v1/kv/visits/increment\xa4"
             "body\x80"),
      PACKED("\x83\xa6method\xa3PUT\xa4path\xae/v1/cache/last\xa4"
             "body\xc4\x03\x00\xff\xfe"),
      PACKED("\x82\xa6method\xa3GET\xa4path\xae/v1/cache/last"),
      PACKED("\x83\xa6method\xa4POST\xa4path\xa7/v1/log\xa4"
             "body\x81\xa7message\xa9"
             "from core"),
      PACKED("\x83\xa6method\xa4POST\xa4path\xaa/v1/events\xa4"
             "body\x81\xa4type\xac"
             "core.visited"),
  };
  enum { COUNT = sizeof answers / sizeof *answers };
  char statuses[8 * COUNT] = "[", *end = statuses + 1;
  for (int i = 0; i < COUNT; i++) {
    end += ubiq_format_u64(end, packed_status(answers[i]));
    *end++ = i + 1 < COUNT ? ',' : ']';
  }
  for (int i = COUNT - 1; i >= 0; i--) ubiq_core_free(answers[i]);
  return ubiq_core_ok(statuses, (size_t)(end - statuses));
}

UBIQ_CORE_HANDLE(call) {
  if (ubiq_core_is(call->operation, "relay"))
    return hand_on(ubiq_core_invoke(UBIQ_CORE_JSON, call->input.data, call->input.size));
  if (ubiq_core_is(call->operation, "packed"))
    return hexadecimal(ubiq_core_invoke(UBIQ_CORE_MESSAGEPACK, call->input.data, call->input.size));
  if (ubiq_core_is(call->operation, "other_format")) return hand_on(ubiq_core_invoke(7, "{}", 2));
  if (ubiq_core_is(call->operation, "outside"))
    return hand_on(ubiq_core_invoke(UBIQ_CORE_JSON, (const void *)(uintptr_t)0xfffffff0, 100));
  if (ubiq_core_is(call->operation, "tour")) return tour();
  if (ubiq_core_is(call->operation, "tour_packed")) return tour_packed();
  if (ubiq_core_is(call->operation, "event")) return ubiq_core_ok("null", 4);
  return ubiq_core_error("there is no such operation");
}
