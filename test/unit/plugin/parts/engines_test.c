// The process's engines by size class: one each, the same for every thread, and smaller ones where address space is short.
#include "unit/plugin/plugin_testing.h"

#include "plugin/parts/engines.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const engine_ops *wasmtime(void) {
  const engine_ops *ops = NULL;
  assert_success(engine_find("wasmtime", &ops));
  return ops;
}

static void each_class_has_one_engine(void **state) {
  (void)state;
  engine *engines[ENGINE_CLASS_COUNT];
  for (int i = 0; i < ENGINE_CLASS_COUNT; i++) {
    engine *again;
    assert_success(engines_get(wasmtime(), (engine_class)i, &engines[i]));
    assert_success(engines_get(wasmtime(), (engine_class)i, &again));
    assert_non_null(engines[i]);
    assert_ptr_equal(engines[i], again);
    for (int k = 0; k < i; k++) {
      assert_ptr_not_equal(engines[k], engines[i]);
      assert_string_not_equal(engines_class_name((engine_class)k), engines_class_name((engine_class)i));
    }
  }
}

// Another implementation: the same functions in a table of its own.
static void implementations_have_engines_of_their_own(void **state) {
  (void)state;
  static engine_ops other;
  other = *wasmtime();
  other.name = "other";
  engine *mine, *theirs, *again;
  assert_success(engines_get(wasmtime(), ENGINE_CLASS_LOOSE, &mine));
  assert_success(engines_get(&other, ENGINE_CLASS_LOOSE, &theirs));
  assert_success(engines_get(&other, ENGINE_CLASS_LOOSE, &again));
  assert_ptr_not_equal(mine, theirs);
  assert_ptr_equal(theirs, again);
}

static void *get_engine(void *user) {
  engine *engine = NULL;
  ubiq_error *error = engines_get(user, ENGINE_CLASS_FUEL, &engine);
  ubiq_error_delete(error);
  return engine;
}

static void threads_get_the_same_engine(void **state) {
  (void)state;
  enum { THREADS = 8 };
  pthread_t threads[THREADS];
  void *first = NULL;
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, get_engine, (void *)wasmtime());
  for (int i = 0; i < THREADS; i++) {
    void *engine;
    pthread_join(threads[i], &engine);
    assert_non_null(engine);
    if (i == 0) first = engine;
    assert_ptr_equal(engine, first);
  }
}

// -- With little address space --

enum { SPACE_IS_MISSING = 4 };

static int answer_with_little_space(rlim_t bytes) {
  struct rlimit limit = {bytes, bytes};
  if (setrlimit(RLIMIT_AS, &limit) != 0) return 2;
  for (int suspends = 0; suspends < MODES; suspends++) {
    ubiq_compile_options options = {.suspends = suspends, .memory_bytes_max = suspends ? 8 << 20 : 0};
    ubiq_compiled *compiled = NULL;
    ubiq_error *error = text_compile("(module (memory (export \"memory\") 3) (func (export \"f\") (result i32)"
                                     " (memory.grow (i32.const 10)) (i32.const 3) (i32.ne)))",
                                     &options, &compiled);
    test_loop loop;
    instance one = {0};
    test_loop_open(&loop);
    if (!error) error = instance_open(&one, compiled, suspends ? &loop : NULL, NULL);
    if (!error) error = instance_call(&one, "f", "", NULL);
    if (error) {
      fprintf(stderr, "%s\n", ubiq_error_message(error));
      return ubiq_error_code(error) == UBIQ_UNAVAILABLE ? SPACE_IS_MISSING : 3;
    }
    instance_close(&one);
    test_loop_close(&loop);
    ubiq_compiled_delete(compiled);
  }
  return 0;
}

// An engine that needs more than the least must say so, and run with the next.
static void plugins_run_where_address_space_is_short(void **state) {
  (void)state;
  const char *sanitizers = getenv("UBIQ_SANITIZE");
  if (sanitizers && *sanitizers) skip();                          // they need more than that themselves
  static const char *const limits[] = {"3", "30", "300", "3000"}; // GB
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    pid_t child = fork();
    if (child == 0) {
      execl("/proc/self/exe", "engines_test", "--space", limits[i], (char *)NULL);
      _exit(127);
    }
    int status = -1;
    waitpid(child, &status, 0);
    bool says_so = i == 0 && WIFEXITED(status) && WEXITSTATUS(status) == SPACE_IS_MISSING;
    if (!says_so || is_default_engine()) assert_int_equal(status, 0);
  }
}

int main(int argc, char **argv) {
  setenv("UBIQ_CACHE", "", 1);
  if (argc == 3 && strcmp(argv[1], "--space") == 0) {
    ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
    return answer_with_little_space((rlim_t)atoll(argv[2]) << 30);
  }
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_class_has_one_engine),
      cmocka_unit_test(implementations_have_engines_of_their_own),
      cmocka_unit_test(threads_get_the_same_engine),
      cmocka_unit_test(plugins_run_where_address_space_is_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
