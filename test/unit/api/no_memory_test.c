// What guests are answered when memory is out: each allocation of the guest's thread fails once, from the import on to the
// copied answer. It must be an answer that says so, or end the call with an error; nothing may leak, and the next request must do.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#define ALLOC_FAILURE_STORAGE _Thread_local
#include "unit/api/guests.h"
#include "unit/base/alloc_failure.h"

/// A request, and how its answer begins where nothing fails.
typedef struct request {
  const char *function;
  text input;
  const char *begin, *begin_core;
} request;

#define JSON(text, begin)                                                                                              \
  { "relay", {text, sizeof text - 1}, begin, begin }
#define PACKED(text, begin, begin_core)                                                                                \
  { "packed", {text, sizeof text - 1}, begin, begin_core }

static const request requests[] = {
    JSON("{\"method\":\"POST\",\"path\":\"/v1/log\",\"query\":{},\"headers\":{\"a\":\"b\"},\"body\":{\"message\":\"x\","
         "\"attributes\":{\"a\":1}}}",
         "{\"status\":204,"),
    JSON("{\"method\":\"PUT\",\"path\":\"/v1/cache/"
         "users%2F42\",\"query\":{\"ttl\":\"60s\"},\"body\":\"AAE=\",\"encoding\":"
         "\"base64\"}",
         "{\"status\":204,"),
    JSON("{\"method\":\"GET\",\"path\":\"/v1/cache/users%2F42\"}", "{\"status\":200,"),
    JSON("{\"method\":\"POST\",\"path\":\"/v1/cache/n/increment\",\"body\":{\"by\":1}}", "{\"status\":200,"),
    JSON("{\"method\":\"POST\",\"path\":\"/v1/kv\",\"body\":{\"operations\":[]}}", "{\"status\":4"),
    JSON("{\"method\":\"GET\",\"path\":\"/v1/kv/a\"}", "{\"status\":403,"),
    JSON("{\"method\":\"PATCH\",\"path\":\"/v1/log\"}", "{\"status\":405,"),
    JSON("{\"method\":\"GET\",\"path\":\"/v1/none\"}", "{\"status\":404,"),
    JSON("{\"method\":\"GET\",\"method\":\"GET\",\"path\":\"/\"}", "{\"status\":400,"),
    JSON("{", "{\"status\":400,"),
    PACKED("\x83\xa6method\xa3PUT\xa4path\xab/v1/cache/p\xa4"
           "body\xc4\x03\x00\xff\xfe",
           "\x82\xa6status\xcc\xcc", "\"82a6737461747573cccc"),
    PACKED("\x82\xa6method\xa3GET\xa4path\xab/v1/cache/p", "\x83\xa6status\xcc\xc8", "\"83a6737461747573ccc8"),
    PACKED("\x83\xa6method\xa4POST\xa4path\xb5/v1/cache/n/increment\xa4"
           "body\x80",
           "\x83\xa6status\xcc\xc8", "\"83a6737461747573ccc8"),
    PACKED("\xc1", "\x83\xa6status\xcd\x01\x90", "\"83a6737461747573cd0190"),
};

static bool begins(ubiq_bytes output, const char *with) {
  return text_starts_with((text){(const char *)output.data, output.size}, text_of(with));
}

typedef struct attempt {
  api_world *world;
  const request *request;
  bool is_core;
} attempt;

static void check(const attempt *self, ubiq_error *error, ubiq_bytes output) {
  static const char *const lost[] = {"{\"status\":500,", "\x83\xa6status\xcd\x01\xf4", "\"83a6737461747573cd01f4"};
  const request *request = self->request;
  const char *expected = self->is_core ? request->begin_core : request->begin;
  if (error != NULL && ubiq_error_code(error) == UBIQ_INTERNAL) return;
  if (error != NULL) fail_msg("%s: %s", request->input.data, ubiq_error_message(error));
  for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
    if (alloc_failure.failed && begins(output, lost[i])) return;
  if (!begins(output, expected))
    fail_msg("%s at %zu: %.*s", request->input.data, alloc_failure.passes, (int)output.size, (const char *)output.data);
}

static size_t sweep(const attempt *self) {
  size_t passes = 0;
  do {
    ubiq_bytes output = {0};
    traps_restore();
    alloc_failure.failed = false;
    alloc_failure.passes = passes++;
    alloc_failure.armed = true;
    ubiq_error *error = api_world_call(self->world, self->request->function, self->request->input, &output);
    alloc_failure.armed = false;
    check(self, error, output);
    ubiq_error_delete(error);
  } while (alloc_failure.failed);
  return passes - 1;
}

static void sweep_all(bool is_core) {
  api_world world;
  api_world_open(&world, is_core, "cache:*");
  world.services.checks_answers = true;
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    const attempt attempt = {&world, &requests[i], is_core};
    assert_in_range(sweep(&attempt), 3, 200);
  }
  api_world_close(&world);
}

static void a_guest_of_the_kernel_is_told(void **state) {
  (void)state;
  sweep_all(false);
}

static void a_guest_without_the_kernel_is_told(void **state) {
  (void)state;
  sweep_all(true);
}

static void compile(bool is_core, const buffer *module) {
  ubiq_function *function = NULL;
  ubiq_compiled *compiled = NULL;
  ubiq_error *error = invoke_host_new(is_core, &function);
  const ubiq_function *functions[] = {function};
  const ubiq_compile_options options = {
      .suspends = true, .core = is_core, .memory_bytes_max = 4 << 20, .functions = functions, .functions_count = 1};
  if (error == NULL) error = ubiq_compiled_new(module->data, module->size, &options, &compiled);
  if (error != NULL && ubiq_error_code(error) != UBIQ_INTERNAL) fail_msg("%s", ubiq_error_message(error));
  assert_true((error == NULL) == (compiled != NULL));
  ubiq_error_delete(error);
  ubiq_compiled_delete(compiled);
  ubiq_function_delete(function);
}

static void compiling_fails_cleanly(void **state) {
  (void)state;
  for (int is_core = 0; is_core < 2; is_core++) {
    buffer module = {0};
    size_t passes = 0;
    if (is_core)
      module = guest_read("core");
    else
      assert_true(buffer_append(&module, extism_guest, sizeof extism_guest - 1));
    do {
      alloc_failure.failed = false;
      alloc_failure.passes = passes++;
      alloc_failure.armed = true;
      compile(is_core, &module);
      alloc_failure.armed = false;
    } while (alloc_failure.failed);
    assert_in_range(passes, 30, 10000);
    buffer_free(&module);
  }
}

int main(void) {
  plugin_testing_begin();
  plugin_testing_needs(ENGINE_CAN_SUSPEND);
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(compiling_fails_cleanly),
      cmocka_unit_test(a_guest_of_the_kernel_is_told),
      cmocka_unit_test(a_guest_without_the_kernel_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
