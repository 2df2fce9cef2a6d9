/// Whether an engine runs plugins where memory may not be made executable.
///
/// It is tried by a process of its own, the same program again with the arguments NO_EXEC_ARGUMENT and the engine's name:
/// its main then returns `no_exec_trial`.
#ifndef UBIQ_TEST_NO_EXEC_TRIAL_H
#define UBIQ_TEST_NO_EXEC_TRIAL_H

#include "engine/engine.h"
#include "support/no_exec.h"
#include "ubiq.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

#define NO_EXEC_ARGUMENT "--without-executable-memory"

typedef enum no_exec_outcome {
  NO_EXEC_WORKS = 0,
  NO_EXEC_SAYS_SO = 10, ///< an error of class `unavailable`
  NO_EXEC_UNKNOWN = 77, ///< this machine has no such filters
  NO_EXEC_FAULT = 1,    ///< anything else: another error, a crash
} no_exec_outcome;

static inline int no_exec_complain(const char *what, const ubiq_error *error) {
  fprintf(stderr, "%s: %s: %s\n", what, ubiq_code_name(ubiq_error_code(error)), ubiq_error_message(error));
  return error && ubiq_error_code(error) == UBIQ_UNAVAILABLE ? NO_EXEC_SAYS_SO : NO_EXEC_FAULT;
}

static inline int no_exec_calls(ubiq_compiled *compiled) {
  static const struct {
    const char *function;
    ubiq_code code;
  } calls[] = {{"fine", UBIQ_OK},      {"bounds", UBIQ_TRAP},  {"divide", UBIQ_TRAP},
               {"recurse", UBIQ_TRAP}, {"spin", UBIQ_TIMEOUT}, {"fine", UBIQ_OK}};
  ubiq_plugin *plugin = NULL;
  ubiq_bytes output;
  ubiq_error *error = ubiq_plugin_new(compiled, &plugin);
  int result = error ? no_exec_complain("instantiating", error) : NO_EXEC_WORKS;
  ubiq_error_delete(error);
  for (size_t i = 0; i < sizeof calls / sizeof *calls && result == NO_EXEC_WORKS; i++) {
    ubiq_call_options options = {.timeout_ms = calls[i].code == UBIQ_TIMEOUT ? 5 : 20000};
    error = ubiq_plugin_call_with(plugin, calls[i].function, (ubiq_bytes){0}, &options, &output);
    if (ubiq_error_code(error) != calls[i].code) result = no_exec_complain(calls[i].function, error);
    ubiq_error_delete(error);
  }
  ubiq_plugin_delete(plugin);
  return result;
}

/// The process of its own.
static inline int no_exec_trial(const char *name) {
  static const char module[] =
      "(module (import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"
      " (import \"wasi_snapshot_preview1\" \"sched_yield\" (func $yield (result i32)))"
      " (memory (export \"memory\") 1)"
      " (func (export \"fine\") (result i32) (i32.or (i64.eqz (call $alloc (i64.const 1000))) (call $yield)))"
      " (func (export \"bounds\") (result i32) (i32.load (i32.const 0x7ffffff0)))"
      " (func (export \"divide\") (result i32) (i32.div_u (i32.const 1) (i32.load (i32.const 0))))"
      " (func $recurse (export \"recurse\") (result i32) (i32.add (call $recurse) (i32.const 1)))"
      " (func (export \"spin\") (loop (br 0))))";
  const engine_ops *ops = NULL;
  ubiq_compiled *compiled = NULL;
  setenv("UBIQ_CACHE", "", 1);
  ubiq_error *error = engine_find(name, &ops);
  if (error) return NO_EXEC_FAULT;
  if (!no_exec_begin() || no_exec_is_off()) return NO_EXEC_UNKNOWN;
  ubiq_compile_options options = {.engine = name, .wasi = true};
  error = ubiq_compiled_new((const uint8_t *)module, strlen(module), &options, &compiled);
  int result = error ? no_exec_complain("compiling", error) : no_exec_calls(compiled);
  ubiq_error_delete(error);
  ubiq_compiled_delete(compiled);
  return result;
}

/// How that goes.
static inline no_exec_outcome no_exec_try(const char *name) {
  char *arguments[] = {"no_exec", NO_EXEC_ARGUMENT, (char *)name, NULL};
  pid_t process;
  int status = -1;
  if (posix_spawn(&process, "/proc/self/exe", NULL, NULL, arguments, environ) != 0) return NO_EXEC_FAULT;
  if (waitpid(process, &status, 0) != process || !WIFEXITED(status)) return NO_EXEC_FAULT;
  int code = WEXITSTATUS(status);
  return code == NO_EXEC_WORKS || code == NO_EXEC_SAYS_SO || code == NO_EXEC_UNKNOWN ? (no_exec_outcome)code
                                                                                     : NO_EXEC_FAULT;
}

#endif
