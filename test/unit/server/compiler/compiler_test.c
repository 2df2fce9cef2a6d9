// Compiling in another process, and what becomes of the server when that one is killed, hangs, runs out of memory or lies. This
// program starts its own helpers: its first argument says which job they have.
#include "server/compiler/compiler.h"

#include "base/file.h"
#include "base/sanitized.h"
#include "server/compiler/compiler_starter.h"
#include "server/sandbox/privileges.h"
#include "server/sandbox/system_calls.h"
#include "unit/server/sandbox/sandbox_testing.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { MEMORY_BYTES = 1 << 30, TIME_MS = 60 * 1000, HANG_MS = 200 };

// A module with the function `f`, which answers 7.
static const uint8_t module[] = {0, 'a', 's', 'm', 1, 0, 0,   0, 1, 5,  1, 0x60, 0, 1, 0x7f, 3, 2,
                                 1, 0,   7,   5,   1, 1, 'f', 0, 0, 10, 6, 1,    4, 0, 0x41, 7, 0x0b};
#define MODULE ((ubiq_bytes){module, sizeof module})

// -------------------------------------------------------------------------------------------------------- the jobs

static _Noreturn int hang(void) {
  for (;;) pause();
}

static _Noreturn int spin(void) {
  for (volatile int i = 0;; i++) {
  }
}

static int be_killed(void) {
  return raise(SIGKILL);
}

static int fault(void) {
  fputs("a panic\n", stderr);
  return raise(SIGSEGV);
}

static int lie(int output) {
  return pwrite(output, "no such class", 13, 0) == 13 ? 200 : 1;
}

static int say_much(int output) {
  for (int i = 0; i < 100000; i++) fputs("words and words\n", stderr);
  return pwrite(output, "much", 4, 0) == 4 ? 0 : 1;
}

static _Noreturn int exhaust(void) {
  for (;;)
    if (malloc(1 << 20) == NULL) {
      fputs(COMPILER_NO_MEMORY " 1048576 bytes failed", stderr);
      abort();
    }
}

static pid_t starter; // in all that it has started

static int kill_helper(void) {
  return kill(getppid(), SIGKILL) == 0 ? hang() : 1;
}

/// All helpers, and itself; never who runs the test.
static int kill_everybody(void) {
  return getpgrp() != getpgid(starter) && kill(0, SIGKILL) == 0 ? hang() : 1;
}

static int kill_starter(int output) {
  return kill(starter, SIGKILL) == 0 && pwrite(output, "x", 1, 0) == 1 ? 0 : 1;
}

/// The group of all helpers, and who of them works.
static int tell_family(int output) {
  return dprintf(output, "%d %d", getpgrp(), getppid()) > 0 ? 0 : 1;
}

/// What it is asked for stands in what it is to compile.
static int do_otherwise(const compiler_request *request, int input, int output, void *user) {
  char what[16] = "";
  (void)request;
  (void)user;
  if (pread(input, what, sizeof what - 1, 0) < 0) return 1;
  if (strcmp(what, "hang") == 0) return hang();
  if (strcmp(what, "spin") == 0) return spin();
  if (strcmp(what, "killed") == 0) return be_killed();
  if (strcmp(what, "fault") == 0) return fault();
  if (strcmp(what, "lie") == 0) return lie(output);
  if (strcmp(what, "much") == 0) return say_much(output);
  if (strcmp(what, "exhaust") == 0) return exhaust();
  if (strcmp(what, "large") == 0) return ftruncate(output, (off_t)COMPILER_RESULT_BYTES_MAX + 1) == 0 ? 0 : 1;
  if (strcmp(what, "helper") == 0) return kill_helper();
  if (strcmp(what, "everybody") == 0) return kill_everybody();
  if (strcmp(what, "starter") == 0) return kill_starter(output);
  if (strcmp(what, "family") == 0) return tell_family(output);
  return pwrite(output, what, strlen(what), 0) > 0 ? 0 : 1;
}

/// The starter's program.
static int be_starter(const char *job) {
  enum { SOON_MS = 10, LATE_MS = 3600 * 1000 };
  if (strcmp(job, "none") == 0) return 0;
  compiler_sandbox sandbox = SANITIZED ? COMPILER_SANDBOX_OFF : COMPILER_SANDBOX_AUTO;
  starter = getpid();
  ubiq_error *error = compiler_starter_enclose(sandbox);
  if (error != NULL) return (int)ubiq_error_code(error);
  return compiler_starter_run(strcmp(job, "real") == 0 ? compiler_job_run : do_otherwise, &sandbox,
                              strcmp(job, "late") == 0 ? LATE_MS : SOON_MS);
}

// ------------------------------------------------------------------------------------------------------- the server

typedef struct fixture {
  compiler *compiler;
  compiler_work work;
} fixture;

static fixture start(const char *job, uint64_t time_ms, uint64_t memory_bytes) {
  const char *const arguments[] = {"test", job, NULL};
  const compiler_settings settings = {arguments, time_ms, memory_bytes};
  fixture self = {0};
  assert_success(compiler_start(&settings, &self.compiler));
  return self;
}

static ubiq_error *compile(fixture *self, unsigned times, ubiq_bytes wasm, buffer *code) {
  compiler_begin(self->compiler, times, &self->work);
  const engine_compiler *base = &self->work.base;
  return base->compile(base->user, "wasmtime", &(engine_options){0}, wasm, code);
}

static ubiq_error *ask(fixture *self, const char *what, buffer *out) {
  return compile(self, 1, (ubiq_bytes){(const uint8_t *)what, strlen(what)}, out);
}

/// On a machine that stands still for a while, too.
static ubiq_error *ask_patiently(fixture *self, const char *what, buffer *out) {
  enum { TIMES = 1000 };
  return compile(self, TIMES, (ubiq_bytes){(const uint8_t *)what, strlen(what)}, out);
}

static void assert_answers(fixture *self) {
  buffer out = {0};
  assert_success(ask_patiently(self, "answer", &out));
  assert_string_equal(buffer_string(&out), "answer");
  buffer_free(&out);
}

/// It is asked again where the machine stood still for all of the time.
static void assert_answers_in_time(fixture *self) {
  buffer out = {0};
  ubiq_error *error;
  while ((error = ask(self, "answer", &out)) != NULL && ubiq_error_code(error) == UBIQ_QUOTA) ubiq_error_delete(error);
  assert_success(error);
  assert_string_equal(buffer_string(&out), "answer");
  buffer_free(&out);
}

static void what_was_compiled_there_runs_here(void **state) {
  (void)state;
  fixture self = start("real", TIME_MS, MEMORY_BYTES);
  const engine_ops *ops = NULL;
  engine *engine = NULL;
  engine_module *made = NULL;
  buffer code = {0};
  // As the server's: with a pool here, without one there.
  const engine_options options = {.memory_bytes_max = 1 << 20, .stores_max = 8, .fibers_max = 8};
  assert_success(engine_find("wasmtime", &ops));
  assert_success(engine_open(ops, &options, &engine));
  compiler_begin(self.compiler, 1, &self.work);
  const engine_compiler *base = &self.work.base;
  assert_success(base->compile(base->user, "wasmtime", &engine->options, MODULE, &code));
  assert_success(ops->deserialize(engine, code.data, code.size, &made));
  engine_module_delete(made);
  engine_close(engine);
  buffer_free(&code);
  compiler_delete(self.compiler);
}

static void what_the_engine_refuses_is_told_in_its_words(void **state) {
  (void)state;
  fixture self = start("real", TIME_MS, MEMORY_BYTES);
  static const uint8_t bad[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 1, 7};
  buffer code = {0};
  ubiq_error *error = compile(&self, 1, (ubiq_bytes){bad, sizeof bad}, &code);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  assert_non_null(strstr(ubiq_error_message(error), "module does not compile"));
  assert_int_equal(code.size, 0);
  ubiq_error_delete(error);
  assert_success(compile(&self, 1, MODULE, &code));
  buffer_free(&code);
  compiler_delete(self.compiler);
}

static void text_is_assembled(void **state) {
  (void)state;
  fixture self = start("real", TIME_MS, MEMORY_BYTES);
  static const char good[] = "(module)", bad[] = "(modul)";
  buffer wasm = {0};
  compiler_begin(self.compiler, 1, &self.work);
  const engine_compiler *base = &self.work.base;
  assert_success(base->assemble(base->user, (ubiq_bytes){(const uint8_t *)good, strlen(good)}, &wasm));
  assert_true(wasm.size == 8 && memcmp(wasm.data, module, 8) == 0);
  ubiq_error *error = base->assemble(base->user, (ubiq_bytes){(const uint8_t *)bad, strlen(bad)}, &wasm);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
  buffer_free(&wasm);
  compiler_delete(self.compiler);
}

static void one_that_hangs_is_killed_when_its_time_is_over(void **state) {
  (void)state;
  static const char *const ways[] = {"hang", "spin"};
  for (size_t i = 0; i < 2; i++) {
    fixture self = start("otherwise", HANG_MS, MEMORY_BYTES);
    buffer out = {0};
    assert_fails(ask(&self, ways[i], &out), UBIQ_QUOTA,
                 "compiling takes longer than the 200 ms that a bundle's modules have together (--compile-time)");
    assert_answers_in_time(&self);
    compiler_delete(self.compiler);
  }
}

static void the_modules_of_a_bundle_share_the_time(void **state) {
  (void)state;
  fixture self = start("otherwise", HANG_MS, MEMORY_BYTES);
  buffer out = {0};
  compiler_begin(self.compiler, 2, &self.work);
  const engine_compiler *base = &self.work.base;
  const ubiq_bytes hangs = {(const uint8_t *)"hang", 4}, answers = {(const uint8_t *)"x", 1};
  assert_fails(base->assemble(base->user, hangs, &out), UBIQ_QUOTA,
               "compiling takes longer than the 400 ms that a bundle's modules have together (--compile-time)");
  assert_int_equal(self.work.left_ns, 0);
  ubiq_error *error = base->assemble(base->user, answers, &out); // no time is left; it may just be quick enough
  assert_true(error == NULL || ubiq_error_code(error) == UBIQ_QUOTA);
  ubiq_error_delete(error);
  buffer_free(&out);
  compiler_delete(self.compiler);
}

static void one_that_is_killed_is_told_with_its_signal(void **state) {
  (void)state;
  fixture self = start("otherwise", TIME_MS, MEMORY_BYTES);
  buffer out = {0};
  assert_fails(ask(&self, "killed", &out), UBIQ_INTERNAL, "the compiler ended in the middle: signal 9 (Killed)");
  if (!SANITIZED)
    assert_fails(ask(&self, "fault", &out), UBIQ_INTERNAL,
                 "the compiler ended in the middle: a panic\n: signal 11 (Segmentation fault)");
  assert_answers(&self);
  compiler_delete(self.compiler);
}

static void one_that_needs_too_much_memory_is_told_so(void **state) {
  (void)state;
  if (SANITIZED) skip(); // they map terabytes, so that there is no limit
  enum { LITTLE_BYTES = 8 << 20 };
  fixture self = start("real", TIME_MS, LITTLE_BYTES);
  static char source[8 << 20];
  buffer out = {0};
  memset(source, ' ', sizeof source);
  compiler_begin(self.compiler, 1, &self.work);
  const engine_compiler *base = &self.work.base;
  assert_fails(base->assemble(base->user, (ubiq_bytes){(const uint8_t *)source, sizeof source}, &out), UBIQ_QUOTA,
               "compiling needs more than the 8 MiB of memory that a module has (--compile-memory)");
  compiler_delete(self.compiler);
}

static void words_of_no_memory_are_understood(void **state) {
  (void)state;
  if (SANITIZED) skip();
  struct rlimit before, little = {512 << 20, 512 << 20};
  assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
  little.rlim_max = before.rlim_max;
  assert_int_equal(setrlimit(RLIMIT_DATA, &little), 0); // is inherited
  fixture self = start("otherwise", TIME_MS, MEMORY_BYTES);
  setrlimit(RLIMIT_DATA, &before);
  buffer out = {0};
  assert_fails(ask(&self, "exhaust", &out), UBIQ_QUOTA,
               "compiling needs more than the 1024 MiB of memory that a module has (--compile-memory)");
  assert_answers(&self);
  compiler_delete(self.compiler);
}

static void an_answer_that_cannot_be_is_refused(void **state) {
  (void)state;
  fixture self = start("otherwise", TIME_MS, MEMORY_BYTES);
  buffer out = {0};
  assert_fails(ask(&self, "lie", &out), UBIQ_INTERNAL, "no such class");
  assert_fails(ask(&self, "large", &out), UBIQ_QUOTA,
               "what a module was compiled to has 1073741825 bytes; at most 1073741824 are allowed");
  assert_int_equal(out.size, 0);
  assert_answers(&self);
  compiler_delete(self.compiler);
}

static void one_that_says_much_is_not_held_up(void **state) {
  (void)state;
  fixture self = start("otherwise", TIME_MS, MEMORY_BYTES);
  buffer out = {0};
  assert_success(ask(&self, "much", &out));
  assert_string_equal(buffer_string(&out), "much");
  buffer_free(&out);
  compiler_delete(self.compiler);
}

#define WAS_KILLED                                                                                                     \
  "the process that compiles for this server was killed in the middle; another has taken its place: deploy again"
#define ARE_LOST                                                                                                       \
  "the processes that compile for this server have ended, and so has what starts them; restart the server"

static void helpers_that_are_killed_are_replaced_however_many_are(void **state) {
  (void)state;
  enum { DEATHS = 20 };
  fixture self = start("otherwise", TIME_MS, MEMORY_BYTES);
  buffer out = {0};
  for (int i = 0; i < DEATHS; i++) {
    assert_fails(ask(&self, "helper", &out), UBIQ_UNAVAILABLE, WAS_KILLED);
    if (i % 4 == 0) assert_answers(&self);
  }
  assert_answers(&self);
  compiler_delete(self.compiler);
}

static void helpers_that_are_killed_all_at_once_are_started_anew_a_hundred_times(void **state) {
  (void)state;
  enum { DEATHS = 100 };
  fixture self = start("otherwise", TIME_MS, MEMORY_BYTES);
  buffer out = {0};
  for (int i = 0; i < DEATHS; i++) {
    assert_fails(ask(&self, "everybody", &out), UBIQ_UNAVAILABLE, WAS_KILLED);
    if (i % 4 == 0) assert_answers(&self);
  }
  assert_answers(&self);
  assert_int_equal(compiler_starts(self.compiler), 1 + DEATHS);
  assert_int_equal(compiler_look(self.compiler), COMPILER_WELL);
  compiler_delete(self.compiler);
}

typedef struct family {
  pid_t group, helper;
} family;

static family family_of(fixture *self) {
  buffer out = {0};
  family found = {0};
  assert_success(ask_patiently(self, "family", &out));
  assert_int_equal(sscanf(buffer_string(&out), "%d %d", &found.group, &found.helper), 2);
  buffer_free(&out);
  return found;
}

static void who_asks_when_all_are_dead_already_hears_nothing_of_it(void **state) {
  (void)state;
  fixture self = start("otherwise", TIME_MS, MEMORY_BYTES);
  for (int i = 0; i < 10; i++) {
    const family family = family_of(&self);
    assert_int_equal(kill(-family.group, SIGKILL), 0);
    while (kill(-family.group, 0) == 0) sched_yield(); // until the last is buried
    assert_answers(&self);
  }
  compiler_delete(self.compiler);
}

static void wait_until_stopped(pid_t process) {
  char path[64], state = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", process);
  while (state != 'T') {
    buffer text = {0};
    assert_success(file_read_all(path, 1 << 16, &text));
    assert_int_equal(sscanf(buffer_string(&text), "%*d (%*[^)]) %c", &state), 1);
    buffer_free(&text);
  }
}

static void *ask_in_thread(void *user) {
  buffer out = {0};
  ubiq_error *error = ask(user, "answer", &out);
  buffer_free(&out);
  return error;
}

static void what_nobody_has_taken_when_all_are_killed_is_asked_again(void **state) {
  (void)state;
  fixture self = start("otherwise", TIME_MS, MEMORY_BYTES);
  for (int i = 0; i < 10; i++) {
    pthread_t thread;
    void *error = NULL;
    const family family = family_of(&self);
    assert_int_equal(kill(family.helper, SIGSTOP), 0);
    wait_until_stopped(family.helper);
    assert_int_equal(pthread_create(&thread, NULL, ask_in_thread, &self), 0);
    sched_yield();
    assert_int_equal(kill(-family.group, SIGKILL), 0);
    assert_int_equal(pthread_join(thread, &error), 0);
    assert_success(error);
  }
  compiler_delete(self.compiler);
}

static void helpers_that_do_not_answer_are_replaced(void **state) {
  (void)state;
  fixture self = start("otherwise", HANG_MS, MEMORY_BYTES);
  buffer out = {0};
  const family family = family_of(&self);
  assert_int_equal(kill(-family.group, SIGSTOP), 0);
  wait_until_stopped(family.helper);
  assert_fails(ask(&self, "answer", &out), UBIQ_UNAVAILABLE,
               "the process that compiles for this server does not answer, and is replaced: deploy again");
  assert_answers(&self);
  assert_true(kill(family.helper, 0) != 0 && errno == ESRCH);
  compiler_delete(self.compiler);
}

static void modules_that_kill_all_helpers_each_time_are_told_so_and_have_to_wait(void **state) {
  (void)state;
  fixture self = start("late", HANG_MS, MEMORY_BYTES);
  bool has_to_wait = false;
  buffer out = {0};
  while (!has_to_wait) { // those that were slow to kill ran out of time instead
    ubiq_error *error = ask(&self, "everybody", &out);
    assert_non_null(error);
    has_to_wait = strstr(ubiq_error_message(error), "were killed again and again; others are started in ") != NULL;
    assert_true(has_to_wait || strcmp(ubiq_error_message(error), WAS_KILLED) == 0 ||
                ubiq_error_code(error) == UBIQ_QUOTA);
    assert_true(!has_to_wait || ubiq_error_code(error) == UBIQ_UNAVAILABLE);
    ubiq_error_delete(error);
  }
  assert_true(compiler_starts(self.compiler) >= COMPILER_STARTS_FREELY);
  assert_int_equal(compiler_look(self.compiler), COMPILER_WELL);
  compiler_delete(self.compiler);
}

static void without_a_starter_helpers_replace_each_other_until_all_are_killed(void **state) {
  (void)state;
  fixture self = start("otherwise", TIME_MS, MEMORY_BYTES);
  buffer out = {0};
  assert_int_equal(compiler_look(self.compiler), COMPILER_WELL);
  assert_success(ask(&self, "starter", &out));
  while (compiler_look(self.compiler) == COMPILER_WELL) sched_yield();
  assert_answers(&self);
  for (int i = 0; i < 5; i++) assert_fails(ask(&self, "helper", &out), UBIQ_UNAVAILABLE, WAS_KILLED);
  assert_answers(&self);
  assert_int_equal(compiler_look(self.compiler), COMPILER_LAST);
  for (int i = 0; i < 2; i++) assert_fails(ask(&self, "everybody", &out), UBIQ_UNAVAILABLE, ARE_LOST);
  assert_int_equal(compiler_look(self.compiler), COMPILER_GONE);
  buffer_free(&out);
  compiler_delete(self.compiler);
}

static void without_any_process_a_server_says_so_at_once(void **state) {
  (void)state;
  fixture self = start("none", TIME_MS, MEMORY_BYTES);
  buffer out = {0};
  for (int i = 0; i < 2; i++) assert_fails(ask(&self, "answer", &out), UBIQ_UNAVAILABLE, ARE_LOST);
  assert_int_equal(compiler_look(self.compiler), COMPILER_GONE);
  compiler_delete(self.compiler);
}

// ---------------------------------------------------------------------------------------------------------- the end

static void *hang_in_thread(void *user) {
  buffer out = {0};
  return ask(user, "hang", &out);
}

/// Reads until nobody has the pipe any more.
static void wait_until_closed(int pipe_end) {
  char byte;
  while (read(pipe_end, &byte, 1) > 0 || errno == EINTR) errno = 0;
}

/// A server of its own, whose helper and job keep its end of the pipe open as long as they live.
static void start_a_server_that_hangs(int pipe_end) {
  dup2(pipe_end, 20); // without O_CLOEXEC
  close(pipe_end);
  fixture self = start("otherwise", TIME_MS, MEMORY_BYTES);
  pthread_t thread;
  child_assert(pthread_create(&thread, NULL, hang_in_thread, &self) == 0);
  child_assert(write(20, "x", 1) == 1);
  for (;;) pause();
}

static void nothing_outlives_a_server_that_is_killed(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  pid_t server = fork();
  assert_true(server >= 0);
  if (server == 0) start_a_server_that_hangs(ends[1]);
  close(ends[1]);
  char byte;
  assert_int_equal(read(ends[0], &byte, 1), 1);
  kill(server, SIGKILL);
  waitpid(server, NULL, 0);
  wait_until_closed(ends[0]);
  close(ends[0]);
}

// ------------------------------------------------------------------------------------------------------ the sandbox

static void try_what_a_compiler_may_not(void) {
  int file = memfd_create("file", 0);
  child_assert(privileges_accept_no_new() == NULL && system_calls_keep_computing() == NULL);
  child_assert(open("/etc/passwd", O_RDONLY) < 0 && errno == EPERM);
  child_assert(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
  child_assert(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM);
  child_assert(fork() < 0 && errno == EPERM);
  child_assert(kill(getppid(), SIGTERM) != 0 && errno == EPERM);
  child_assert(memfd_create("another", 0) < 0 && errno == EPERM);
  child_assert(write(file, "x", 1) == 1);
  child_assert(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static void *answer_itself(void *user) {
  return user;
}

static void start_a_thread(void) {
  child_assert(privileges_accept_no_new() == NULL && system_calls_keep_computing() == NULL);
  pthread_t thread;
  void *answer = NULL;
  child_assert(pthread_create(&thread, NULL, answer_itself, &answer) == 0);
  child_assert(pthread_join(thread, &answer) == 0 && answer == &answer);
}

static void who_computes_does_nothing_else(void **state) {
  (void)state;
  if (SANITIZED) skip();
  in_child(try_what_a_compiler_may_not);
  in_child(start_a_thread);
}

int main(int count, char **arguments) {
  if (count > 1) return be_starter(arguments[1]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_compiled_there_runs_here),
      cmocka_unit_test(what_the_engine_refuses_is_told_in_its_words),
      cmocka_unit_test(text_is_assembled),
      cmocka_unit_test(one_that_hangs_is_killed_when_its_time_is_over),
      cmocka_unit_test(the_modules_of_a_bundle_share_the_time),
      cmocka_unit_test(one_that_is_killed_is_told_with_its_signal),
      cmocka_unit_test(one_that_needs_too_much_memory_is_told_so),
      cmocka_unit_test(words_of_no_memory_are_understood),
      cmocka_unit_test(an_answer_that_cannot_be_is_refused),
      cmocka_unit_test(one_that_says_much_is_not_held_up),
      cmocka_unit_test(helpers_that_are_killed_are_replaced_however_many_are),
      cmocka_unit_test(helpers_that_are_killed_all_at_once_are_started_anew_a_hundred_times),
      cmocka_unit_test(who_asks_when_all_are_dead_already_hears_nothing_of_it),
      cmocka_unit_test(what_nobody_has_taken_when_all_are_killed_is_asked_again),
      cmocka_unit_test(helpers_that_do_not_answer_are_replaced),
      cmocka_unit_test(modules_that_kill_all_helpers_each_time_are_told_so_and_have_to_wait),
      cmocka_unit_test(without_a_starter_helpers_replace_each_other_until_all_are_killed),
      cmocka_unit_test(without_any_process_a_server_says_so_at_once),
      cmocka_unit_test(nothing_outlives_a_server_that_is_killed),
      cmocka_unit_test(who_computes_does_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
