// Every guest of test/guests, merged with its hub and linked to it: the same answers and the same errors, on the caller's
// stack and on a loop.
#include "unit/plugin/plugin_testing.h"

#include <dirent.h>

enum { WAYS = 2, NAME_BYTES_MAX = 64, GUESTS_MAX = 200, WALL_MS = 500, WALL_MAX_MS = 60000 };

static const char *const inputs[] = {"", "Hello, World! AEIOU", "{\"key\": \"value\", \"n\": 3}"};
static const ubiq_compile_options options[2] = {
    {.wasi = true, .memory_bytes_max = 64 << 20},
    {.wasi = true, .memory_bytes_max = 64 << 20, .suspends = true},
};

/// What a compilation or a call came to.
typedef struct outcome {
  ubiq_code code;
  int32_t detail;
  buffer bytes; ///< the output, or the error's message
} outcome;

static outcome outcome_of(ubiq_error *error, ubiq_bytes output) {
  outcome self = {.code = ubiq_error_code(error), .detail = ubiq_error_detail(error)};
  if (error) output = (ubiq_bytes){(const uint8_t *)ubiq_error_message(error), strlen(ubiq_error_message(error))};
  assert_true(buffer_append(&self.bytes, output.data, output.size));
  ubiq_error_delete(error);
  return self;
}

static void assert_same(const char *guest, const char *function, outcome *outcomes) {
  outcome *a = &outcomes[0], *b = &outcomes[1];
  if (a->code != b->code || a->detail != b->detail || a->bytes.size != b->bytes.size ||
      (a->bytes.size && memcmp(a->bytes.data, b->bytes.data, a->bytes.size) != 0))
    fail_msg("%s %s: linked %s: %.*s; merged %s: %.*s", guest, function, ubiq_code_name(a->code), (int)a->bytes.size,
             (const char *)a->bytes.data, ubiq_code_name(b->code), (int)b->bytes.size, (const char *)b->bytes.data);
}

// Both compilations of a guest; false when there is none because neither compiles.
static bool compile_both(const char *guest, int mode, ubiq_compiled **compiled) {
  outcome outcomes[WAYS];
  buffer bytes = guest_read(guest);
  for (int way = 0; way < WAYS; way++) {
    compiled[way] = NULL;
    setenv("UBIQ_MERGE", way ? "1" : "0", 1);
    ubiq_error *error = ubiq_compiled_new(bytes.data, bytes.size, &options[mode], &compiled[way]);
    outcomes[way] = outcome_of(error, (ubiq_bytes){0});
  }
  buffer_free(&bytes);
  assert_same(guest, "", outcomes);
  for (int way = 0; way < WAYS; way++) buffer_free(&outcomes[way].bytes);
  if (!compiled[0]) return false;
  assert_false(compiled[0]->is_merged);
  assert_true(compiled[1]->is_merged);
  return true;
}

// Functions that answer something else each time.
static bool is_left_out(const char *function) {
  static const char *const names[] = {"now", "monotonic", "random", "sleep"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], function) == 0) return true;
  return false;
}

// Three calls of one instance: what a call leaves to the next must be the same too. False when one way alone came too late: on a
// machine that is busy with other things that says nothing.
static bool compare_calls(test_loop *loop, const char *guest, const char *function, ubiq_compiled **compiled,
                          uint64_t wall_ms) {
  instance instances[WAYS];
  bool is_late = false, is_endless = false;
  const plugin_limits limits = {.wall_ms = wall_ms};
  for (int way = 0; way < WAYS; way++) assert_success(instance_open(&instances[way], compiled[way], loop, &limits));
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs && !is_late && !is_endless; i++) {
    outcome outcomes[WAYS];
    for (int way = 0; way < WAYS; way++) {
      ubiq_bytes output;
      ubiq_error *error = instance_call(&instances[way], function, inputs[i], &output);
      outcomes[way] = outcome_of(error, output);
    }
    is_endless = outcomes[0].code == UBIQ_TIMEOUT;
    is_late = is_endless != (outcomes[1].code == UBIQ_TIMEOUT);
    if (!is_late) assert_same(guest, function, outcomes);
    for (int way = 0; way < WAYS; way++) buffer_free(&outcomes[way].bytes);
  }
  for (int way = 0; way < WAYS; way++) instance_close(&instances[way]);
  return !is_late;
}

static void compare_function(test_loop *loop, const char *guest, const char *function, ubiq_compiled **compiled) {
  uint64_t wall_ms = WALL_MS;
  while (!compare_calls(loop, guest, function, compiled, wall_ms)) {
    wall_ms *= 4;
    assert_in_range(wall_ms, 1, WALL_MAX_MS);
  }
}

static void compare_guest(test_loop *loop, int mode, const char *guest) {
  ubiq_compiled *compiled[WAYS];
  if (!compile_both(guest, mode, compiled)) return;
  const wasm_module *wasm = compiled[0]->modules[compiled[0]->main].wasm;
  for (size_t i = 0; i < wasm->exports_count; i++)
    if (ubiq_compiled_has(compiled[0], wasm->exports[i].name) && !is_left_out(wasm->exports[i].name))
      compare_function(mode ? loop : NULL, guest, wasm->exports[i].name, compiled);
  for (int way = 0; way < WAYS; way++) ubiq_compiled_delete(compiled[way]);
}

static size_t list_guests(char (*names)[NAME_BYTES_MAX]) {
  size_t count = 0;
  DIR *entries = opendir(UBIQ_GUESTS_DIR);
  if (!entries) return 0;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL && count < GUESTS_MAX;) {
    const char *end = strstr(entry->d_name, ".wasm");
    if (!end || end[5] || end - entry->d_name >= NAME_BYTES_MAX) continue;
    snprintf(names[count], NAME_BYTES_MAX, "%.*s", (int)(end - entry->d_name), entry->d_name);
    count++;
  }
  closedir(entries);
  return count;
}

static void compare_all(int mode) {
  static char names[GUESTS_MAX][NAME_BYTES_MAX];
  test_loop loop;
  test_loop_open(&loop);
  size_t count = list_guests(names);
  for (size_t i = 0; i < count; i++)
    if (mode == 0 || strncmp(names[i], "go_", 3) != 0) // takes seconds to compile
      compare_guest(&loop, mode, names[i]);
  test_loop_close(&loop);
  unsetenv("UBIQ_MERGE");
}

static void every_guest_is_the_same_on_the_callers_stack(void **state) {
  (void)state;
  compare_all(0);
}

static void every_guest_is_the_same_on_a_loop(void **state) {
  (void)state;
  compare_all(1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_guest_is_the_same_on_the_callers_stack),
      cmocka_unit_test(every_guest_is_the_same_on_a_loop),
  };
  plugin_testing_begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
