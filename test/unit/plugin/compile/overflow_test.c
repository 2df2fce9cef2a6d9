// More plugins alive at once than the pool has places for.
#include "unit/plugin/plugin_testing.h"

#include "ubiq/artifact.h"

#include <pthread.h>

// Sanitizers leave room for a small pool.
enum { MORE_THAN_THE_POOL = UBIQ_SLOW_DOWN > 1 ? 60 : 4100 };

static void expect_count(ubiq_plugin *plugin, const char *expected) {
  ubiq_bytes output;
  assert_success(ubiq_plugin_call(plugin, "count", (ubiq_bytes){0}, &output));
  assert_int_equal(output.size, strlen(expected));
  assert_memory_equal(output.data, expected, output.size);
}

static void call_and_delete(ubiq_compiled *compiled) {
  ubiq_plugin **plugins = calloc(MORE_THAN_THE_POOL, sizeof *plugins);
  assert_non_null(plugins);
  traps_restore();
  for (int i = 0; i < MORE_THAN_THE_POOL; i++) {
    assert_success(ubiq_plugin_new(compiled, &plugins[i]));
    expect_count(plugins[i], "1");
  }
  for (int i = 0; i < MORE_THAN_THE_POOL; i++) expect_count(plugins[i], "2");
  for (int i = 0; i < MORE_THAN_THE_POOL; i++) ubiq_plugin_delete(plugins[i]);
  free(plugins);
}

static void plugins_beyond_the_pool_work_as_all_others(void **state) {
  (void)state;
  ubiq_compiled *compiled = guest_compile("vars", NULL);
  call_and_delete(compiled);
  assert_non_null(compiled->unpooled);
  call_and_delete(compiled);
  ubiq_compiled_delete(compiled);
}

static void they_are_made_of_what_a_path_held_when_the_plugin_was_compiled(void **state) {
  (void)state;
  char folder[] = "/tmp/ubiq-overflow-test-XXXXXX", path[64], manifest[128];
  buffer bytes = guest_read("vars");
  ubiq_compiled *compiled = NULL;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/vars.wasm", folder);
  snprintf(manifest, sizeof manifest, "{\"wasm\": [{\"path\": \"%s\"}]}", path);
  assert_success(file_write_atomic(path, 0600, bytes.data, bytes.size));
  assert_success(text_compile(manifest, NULL, &compiled));
  assert_success(file_write_atomic(path, 0600, "(module)", 8));
  call_and_delete(compiled);
  ubiq_compiled_delete(compiled);
  buffer_free(&bytes);
  unlink(path);
  rmdir(folder);
}

// How many plugins answer before there is no place for another.
static int count_places(ubiq_compiled *compiled) {
  ubiq_plugin **plugins = calloc(MORE_THAN_THE_POOL, sizeof *plugins);
  assert_non_null(plugins);
  traps_restore();
  int count = 0;
  ubiq_error *error = NULL;
  while (!error && count < MORE_THAN_THE_POOL) {
    ubiq_bytes output;
    assert_success(ubiq_plugin_new(compiled, &plugins[count]));
    error = ubiq_plugin_call(plugins[count++], "count", (ubiq_bytes){0}, &output);
  }
  int places = error ? count - 1 : count;
  if (error) assert_int_equal(ubiq_error_code(error), UBIQ_BUSY);
  ubiq_error_delete(error);
  for (int i = 0; i < count; i++) ubiq_plugin_delete(plugins[i]);
  free(plugins);
  return places;
}

static void what_cannot_be_compiled_again_is_busy_and_not_tried_twice(void **state) {
  (void)state;
  char manifest[512];
  ubiq_compiled *compiled = NULL;
  buffer there = guest_read("vars"); // skips where it was not built
  buffer_free(&there);
  snprintf(manifest, sizeof manifest, "{\"wasm\": [{\"path\": \"%s/vars.wasm\"}]}", UBIQ_GUESTS_DIR);
  assert_success(text_compile(manifest, NULL, &compiled));
  buffer kept = compiled->sources[0], junk = {0};
  assert_true(buffer_append_string(&junk, "junk"));
  compiled->sources[0] = junk;
  assert_true(count_places(compiled) < MORE_THAN_THE_POOL);
  assert_true(compiled->has_no_unpooled);
  compiled->sources[0] = kept;
  assert_true(count_places(compiled) < MORE_THAN_THE_POOL);
  assert_null(compiled->unpooled);
  ubiq_compiled_delete(compiled);
  buffer_free(&junk);
}

static void an_artefacts_plugins_go_beyond_the_pool_too(void **state) {
  (void)state;
  char folder[] = "/tmp/ubiq-overflow-test-XXXXXX", command[64];
  buffer source = guest_read("vars");
  uint8_t *artefact = NULL;
  size_t size = 0;
  ubiq_compiled *compiled = NULL;
  assert_non_null(mkdtemp(folder));
  setenv("UBIQ_CACHE", folder, 1);
  assert_success(ubiq_precompile(source.data, source.size, NULL, &artefact, &size));
  assert_success(ubiq_compiled_load(artefact, size, NULL, &compiled));
  memset(artefact, 0xaa, size); // nothing refers to it
  free(artefact);
  call_and_delete(compiled);
  assert_non_null(compiled->unpooled);
  ubiq_compiled_delete(compiled);
  buffer_free(&source);
  setenv("UBIQ_CACHE", "", 1);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  assert_int_equal(system(command), 0);
}

// -- Several threads that need it at once --

enum { THREADS = 4 };

typedef struct share {
  pthread_t thread;
  ubiq_compiled *compiled;
  ubiq_plugin *plugins[MORE_THAN_THE_POOL / THREADS + 1];
  int failures;
} share;

static void *make_share(void *user) {
  share *self = user;
  for (int i = 0; i <= MORE_THAN_THE_POOL / THREADS; i++) {
    ubiq_bytes output;
    ubiq_error *error = ubiq_plugin_new(self->compiled, &self->plugins[i]);
    if (!error) error = ubiq_plugin_call(self->plugins[i], "count", (ubiq_bytes){0}, &output);
    self->failures += error != NULL;
    ubiq_error_delete(error);
  }
  return NULL;
}

static void threads_that_fill_the_pool_together_go_beyond_it_together(void **state) {
  (void)state;
  static share shares[THREADS];
  ubiq_compiled *compiled = guest_compile("vars", NULL);
  traps_restore();
  for (int i = 0; i < THREADS; i++) {
    shares[i].compiled = compiled;
    assert_int_equal(pthread_create(&shares[i].thread, NULL, make_share, &shares[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(shares[i].thread, NULL);
  assert_non_null(compiled->unpooled);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(shares[i].failures, 0);
    for (int k = 0; k <= MORE_THAN_THE_POOL / THREADS; k++) ubiq_plugin_delete(shares[i].plugins[k]);
  }
  ubiq_compiled_delete(compiled);
}

int main(void) {
  plugin_testing_begin();
  if (!is_default_engine()) {
    print_message("%s has no pool\n", tested_engine()->name);
    return 77; // skipped
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plugins_beyond_the_pool_work_as_all_others),
      cmocka_unit_test(they_are_made_of_what_a_path_held_when_the_plugin_was_compiled),
      cmocka_unit_test(what_cannot_be_compiled_again_is_busy_and_not_tried_twice),
      cmocka_unit_test(an_artefacts_plugins_go_beyond_the_pool_too),
      cmocka_unit_test(threads_that_fill_the_pool_together_go_beyond_it_together),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
