// What services are made of, and their handlers, when memory is out: each allocation of the caller's thread fails once. It must be an error,
// leak nothing, and leave the next attempt alone.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#define ALLOC_FAILURE_STORAGE _Thread_local
#include "services/cache/cache.h"
#include "unit/base/alloc_failure.h"
#include "unit/services/calling.h"

static bool attempt_open(void *user) {
  const folder *folder = user;
  const services_settings settings = {.directory = folder->path, .is_fleeting = true, .cache_bytes = 1 << 20};
  services services;
  ubiq_error *error = services_open(&settings, &services);
  bool good = error == NULL;
  assert_true(good || ubiq_error_code(error) == UBIQ_INTERNAL);
  ubiq_error_delete(error);
  services_close(&services);
  return good;
}

static void opening(void **state) {
  (void)state;
  folder folder;
  folder_make(&folder);
  assert_true(alloc_failure_sweep(attempt_open, &folder) > 5);
  folder_remove(&folder);
}

/// A request, made again and again.
typedef struct request {
  const services *services;
  service_handler handler;
  const char *key; ///< NULL: it has none
  const char *json;
} request;

static bool attempt_request(void *user) {
  const request *self = user;
  calling calling;
  bool was_armed = alloc_failure.armed;
  alloc_failure.armed = false;
  calling_begin(&calling, self->services);
  if (self->key != NULL) calling_text(&calling, 0, self->key);
  if (self->json != NULL) calling_json(&calling, self->json);
  alloc_failure.armed = was_armed;
  calling_run(&calling, self->handler);
  alloc_failure.armed = false;
  bool good = calling.call.error == NULL;
  if (!good && ubiq_error_code(calling.call.error) != UBIQ_INTERNAL)
    fail_msg("%s", ubiq_error_message(calling.call.error));
  calling_end(&calling);
  return good;
}

static void asking(void **state) {
  (void)state;
  folder folder;
  services services;
  folder_make(&folder);
  const services_settings settings = {.directory = folder.path, .is_fleeting = true, .cache_bytes = 1 << 20};
  assert_success(services_open(&settings, &services));
  const request requests[] = {
      {&services, service_kv_put, "a", "{\"some\":\"value\"}"},
      {&services, service_kv_get, "a", NULL},
      {&services, service_kv_list, NULL, NULL},
      {&services, service_kv_increment, "n", "{}"},
      {&services, service_kv_batch, NULL, "{\"operations\":[{\"op\":\"put\",\"key\":\"b\",\"base64\":\"AAE=\"}]}"},
      {&services, service_subscriptions_put, "all", "{\"topic\":\"*\",\"function\":\"note\"}"},
      {&services, service_events_publish, NULL, "{\"type\":\"a\",\"more\":\"x\",\"data\":[1]}"},
      {&services, service_events_publish, NULL, "{\"type\":\"a\",\"id\":\"1\",\"data_base64\":\"AAE=\"}"},
      {&services, service_subscriptions_list, NULL, NULL},
      {&services, service_subscriptions_get, "all", NULL},
      {&services, service_dead_letters_list, NULL, NULL},
      {&services, service_schedules_create, NULL, "{\"function\":\"note\",\"cron\":\"@daily\",\"input\":[1]}"},
      {&services, service_schedules_list, NULL, NULL},
      {&services, service_cache_put, "a", "[1,2,3]"},
      {&services, service_cache_get, "a", NULL},
      {&services, service_cache_increment, "n", "{}"},
  };
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    // Whoever reads a key first has it kept, which may fail.
    if (requests[i].handler == service_kv_get) assert_true(attempt_request((void *)&requests[i]));
    if (alloc_failure_sweep(attempt_request, (void *)&requests[i]) == 0) fail_msg("request %zu", i);
  }
  services_close(&services);
  folder_remove(&folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(opening), cmocka_unit_test(asking)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
