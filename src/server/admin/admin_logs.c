// Who follows asks again with the number of the last record that came; the connection's own thread waits.
#include "server/admin/admin_logs.h"

#include "server/admin/admin_json.h"
#include "server/telemetry/log_ring.h"

static ubiq_error *read_number(const admin_request *self, const char *name, uint64_t standard, uint64_t max,
                               uint64_t *out) {
  const char *value = admin_request_query(self, name);
  *out = standard;
  if (value == NULL || (text_to_u64(text_of(value), out) && *out <= max)) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s is \"%s\"; expected a number up to %llu", name, value,
                        (unsigned long long)max);
}

static ubiq_error *read_wish(const admin_request *self, log_wish *out) {
  uint64_t after, count, wait;
  const char *level = admin_request_query(self, "level");
  *out = (log_wish){.source = admin_request_query(self, "source"), .from = UBIQ_LOG_TRACE};
  ubiq_error *error = read_number(self, "after", 0, UINT64_MAX, &after);
  if (error == NULL) error = read_number(self, "count", 100, LOG_RING_RECORDS_MAX, &count);
  if (error == NULL) error = read_number(self, "wait_ms", 0, LOG_RING_WAIT_MS_MAX, &wait);
  if (error != NULL) return error;
  out->after = after;
  out->count_max = (uint32_t)count;
  out->wait_ms = (uint32_t)wait;
  if (level == NULL || ubiq_log_level_parse(level, &out->from)) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "level is \"%s\"; expected trace, debug, info, warn or error", level);
}

answer admin_logs_get(admin_request *self) {
  log_wish wish;
  uint64_t last = 0;
  ubiq_error *error = read_wish(self, &wish);
  if (error != NULL) return answer_error(error);
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_val *list = yyjson_mut_obj_add_arr(document, root, "records");
  bool good = list != NULL && log_ring_read(self->context->logs, &wish, document, list, &last) &&
              yyjson_mut_obj_add_uint(document, root, "last", last);
  return admin_json_answer(document, good ? root : NULL);
}
