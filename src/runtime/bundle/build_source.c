// C and C++ to WebAssembly with the clang that is installed, kept in a cache folder.
//
// A module is named after its source's path and the flags. Beside it stands the list of files that went into it, as the
// compiler wrote it: the module is made again when one of them is newer. Its time is when its making began, so that
// what was saved meanwhile counts as newer.
#include "runtime/bundle/build.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/bundle/process.h"
#include "runtime/bundle/source_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// The stack comes first, so that running out of it traps instead of reaching data. A fresh instance pays for every page
// that it touches, but a pool keeps the first ones of a memory for the next instance: a small stack leaves both the
// stack and the data behind it there. A source with a large frame gets a large stack.
enum {
  SMALL_STACK_BYTES = 16 << 10,
  SMALL_FRAME_BYTES = 4 << 10,
  LARGE_STACK_BYTES = 256 << 10,
  ARGUMENTS_MAX = 40,
  DEPENDENCIES_BYTES_MAX = 1 << 20,
};

#define TARGET "--target=wasm32-unknown-unknown"

static const char *const compile_flags[] = {
    TARGET,
    "-c",
    "-O2",
    "-mbulk-memory",
    "-Wall",
    "-Werror=frame-larger-than",
    "-fvisibility=hidden",
    "-ffunction-sections",
    "-fdata-sections",
    NULL,
};
// Linked in a step of its own, without -O: with it clang would run wasm-opt where that is installed, which takes the
// names of functions away and makes the module depend on the machine.
static const char *const link_flags[] = {
    TARGET, "-nostdlib", "-Wl,--no-entry", "-Wl,--gc-sections", "-Wl,--stack-first", NULL,
};
static const char *const c_flags[] = {"-std=c17", NULL};
static const char *const cpp_flags[] = {"-std=c++17", "-fno-exceptions", "-fno-rtti", NULL};

/// One compilation. Strings are owned.
typedef struct compilation {
  char *source;       ///< real path
  char *pdk;          ///< folder that has ubiq/pdk.h
  char *wasm;         ///< where the module is kept
  char *dependencies; ///< where the list of what went into it is kept
  char *object;       ///< where the compiler writes
  char *wasm_new;     ///< where the linker writes
  char *dependencies_new;
  char *names_flag;    ///< for the compiler: __FILE__ leaves the source's folder out, so that all make the same module
  char stack_flag[48]; ///< for the linker
  char frame_flag[48]; ///< for the compiler; empty: frames may have any size
  build_stop *stop;    ///< borrowed; NULL: nobody ends it
} compilation;

static void compilation_free(compilation *self) {
  free(self->source);
  free(self->pdk);
  free(self->wasm);
  free(self->dependencies);
  free(self->object);
  free(self->wasm_new);
  free(self->dependencies_new);
  free(self->names_flag);
}

static void set_stack(compilation *self, uint64_t stack_bytes, bool with_large_frames) {
  snprintf(self->stack_flag, sizeof self->stack_flag, "-Wl,-z,stack-size=%llu", (unsigned long long)stack_bytes);
  snprintf(self->frame_flag, sizeof self->frame_flag, "-Wframe-larger-than=%d", SMALL_FRAME_BYTES);
  if (with_large_frames) self->frame_flag[0] = '\0';
}

static bool is_c(const char *source) {
  return text_ends_with(text_of(source), TEXT(".c"));
}

// ------------------------------------------------------------------------------------------------------- places

/// Where ubiq/pdk.h is: $UBIQ_PDK, else beside the program as it is laid out.
static ubiq_error *find_pdk(char **out) {
  const char *named = getenv("UBIQ_PDK");
  if (named != NULL && named[0] != '\0') {
    *out = strdup(named);
    return *out == NULL ? ubiq_error_no_memory() : NULL;
  }
  char *program;
  ubiq_error *error = file_executable_path(&program);
  if (error != NULL) return error;
  char *folder = file_path_directory(program);
  *out = folder == NULL ? NULL : file_path_join(folder, "../share/ubiq/pdk");
  free(folder);
  free(program);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

static char *make_names_flag(const char *source) {
  buffer flag = {0};
  char *folder = file_path_directory(source);
  bool good = folder != NULL && buffer_printf(&flag, "-fmacro-prefix-map=%s/=", folder);
  char *taken = good ? buffer_take_string(&flag) : NULL;
  buffer_free(&flag);
  free(folder);
  return taken;
}

static char *format_path(const char *folder, const char *name, const char *suffix, long number) {
  buffer path = {0};
  bool good = buffer_printf(&path, "%s/%s%s", folder, name, suffix);
  if (good && number != 0) good = buffer_printf(&path, ".%ld", number);
  char *taken = good ? buffer_take_string(&path) : NULL;
  buffer_free(&path);
  return taken;
}

static bool key_of(const compilation *self, char key[DIGEST_SHA256_HEX_SIZE]) {
  buffer facts = {0};
  bool good = buffer_printf(&facts, "%s\n%s\n%s\n%s\n", self->source, self->pdk, self->stack_flag, self->names_flag);
  for (const char *const *flag = compile_flags; good && *flag != NULL; flag++)
    good = buffer_printf(&facts, "%s\n", *flag);
  for (const char *const *flag = link_flags; good && *flag != NULL; flag++) good = buffer_printf(&facts, "%s\n", *flag);
  for (const char *const *flag = is_c(self->source) ? c_flags : cpp_flags; good && *flag != NULL; flag++)
    good = buffer_printf(&facts, "%s\n", *flag);
  if (good) digest_sha256_hex(facts.data, facts.size, key);
  buffer_free(&facts);
  return good;
}

static ubiq_error *place_in(compilation *self, const char *folder) {
  char key[DIGEST_SHA256_HEX_SIZE];
  if (!key_of(self, key)) return ubiq_error_no_memory();
  self->wasm = format_path(folder, key, ".wasm", 0);
  self->dependencies = format_path(folder, key, ".d", 0);
  self->object = format_path(folder, key, ".o", (long)getpid());
  self->wasm_new = format_path(folder, key, ".wasm", (long)getpid());
  self->dependencies_new = format_path(folder, key, ".d", (long)getpid());
  bool good = self->wasm && self->dependencies && self->object && self->wasm_new && self->dependencies_new;
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *find_places(compilation *self) {
  char *cache;
  ubiq_error *error = file_cache_path(&cache);
  if (error != NULL) return error;
  char *folder = file_path_join(cache, "build");
  error = folder == NULL ? ubiq_error_no_memory() : file_make_private_directory(folder);
  if (error == NULL) error = place_in(self, folder);
  free(folder);
  free(cache);
  return error;
}

// --------------------------------------------------------------------------------------------------------- fresh?

/// Takes the next file name off a list as make knows it; `name` has room for the whole list.
static bool next_dependency(const char **at, const char *end, char *name) {
  const char *from = *at;
  size_t size = 0;
  while (from < end &&
         (*from == ' ' || *from == '\n' || *from == '\r' || (*from == '\\' && from + 1 < end && from[1] == '\n')))
    from++;
  for (; from < end && *from != ' ' && *from != '\n' && *from != '\r'; from++) {
    if (*from == '\\' && from + 1 < end && (from[1] == ' ' || from[1] == '#')) from++;
    if (*from == '$' && from + 1 < end && from[1] == '$') from++;
    name[size++] = *from;
  }
  name[size] = '\0';
  *at = from;
  return size > 0;
}

static bool all_older(const buffer *list, uint64_t made_ns) {
  const char *at = memchr(list->data, ':', list->size);
  char *name = malloc(list->size + 1);
  bool older = at != NULL && name != NULL;
  for (at = older ? at + 1 : NULL; older && next_dependency(&at, (const char *)list->data + list->size, name);) {
    uint64_t changed_ns = source_file_changed_ns(name);
    older = changed_ns != 0 && changed_ns < made_ns;
  }
  free(name);
  return older;
}

static bool is_fresh(const compilation *self) {
  uint64_t made_ns = source_file_changed_ns(self->wasm);
  if (made_ns == 0) return false;
  buffer list = {0};
  ubiq_error *error = file_read_all(self->dependencies, DEPENDENCIES_BYTES_MAX, &list);
  bool fresh = error == NULL && list.size > 0 && all_older(&list, made_ns);
  ubiq_error_delete(error);
  buffer_free(&list);
  return fresh;
}

// -------------------------------------------------------------------------------------------------------- compile

static void append_all(const char *arguments[ARGUMENTS_MAX], size_t *count, const char *const *more) {
  for (; *more != NULL; more++) arguments[(*count)++] = *more;
  arguments[*count] = NULL;
}

static const char *compiler(const compilation *self) {
  return is_c(self->source) ? "clang" : "clang++";
}

static void list_compiling(const compilation *self, const char *arguments[ARGUMENTS_MAX]) {
  const char *const rest[] = {"-isystem",   self->pdk, "-MD",        "-MF", self->dependencies_new, "-MT", "module",
                              self->source, "-o",      self->object, NULL};
  size_t count = 0;
  arguments[count++] = compiler(self);
  append_all(arguments, &count, compile_flags);
  arguments[count++] = self->names_flag;
  append_all(arguments, &count, is_c(self->source) ? c_flags : cpp_flags);
  if (self->frame_flag[0] != '\0') arguments[count++] = self->frame_flag;
  append_all(arguments, &count, rest);
}

static void list_linking(const compilation *self, const char *arguments[ARGUMENTS_MAX]) {
  const char *const rest[] = {self->stack_flag, self->object, "-o", self->wasm_new, NULL};
  size_t count = 0;
  arguments[count++] = compiler(self);
  append_all(arguments, &count, link_flags);
  append_all(arguments, &count, rest);
}

static ubiq_error *explain(const compilation *self, buffer *output, int status) {
  enum { SIGNALLED = 128 };
  const char *messages = buffer_string(output);
  if (messages == NULL) return ubiq_error_no_memory();
  if (status > SIGNALLED && output->size == 0)
    return ubiq_error_new(UBIQ_UNAVAILABLE,
                          "%s: cannot be compiled: %s was ended by signal %d; is there enough memory?", self->source,
                          compiler(self), status - SIGNALLED);
  if (strstr(messages, "wasm-ld") != NULL && strstr(messages, "exist") != NULL)
    return ubiq_error_new(UBIQ_UNAVAILABLE, "%s: cannot be linked: wasm-ld is not installed; install the package lld",
                          self->source);
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: does not compile:\n%s", self->source, messages);
}

static ubiq_error *not_started(const compilation *self, ubiq_error *error) {
  if (ubiq_error_code(error) != UBIQ_NOT_FOUND) return error;
  ubiq_error_delete(error);
  return ubiq_error_new(UBIQ_UNAVAILABLE,
                        "%s: cannot be compiled: %s is not installed; install the packages clang and lld", self->source,
                        compiler(self));
}

static ubiq_error *run_step(const compilation *self, const char *const *arguments, buffer *output, int *status) {
  buffer_clear(output);
  ubiq_error *error = process_run(arguments, NULL, self->stop, output, status);
  return error == NULL ? NULL : not_started(self, error);
}

static bool has_large_frames(const compilation *self, const buffer *output) {
  static const char words[] = "-Wframe-larger-than";
  return self->frame_flag[0] != '\0' && output->size > 0 &&
         memmem(output->data, output->size, words, sizeof words - 1) != NULL;
}

static ubiq_error *compile_step(compilation *self, buffer *output, int *status) {
  const char *arguments[ARGUMENTS_MAX];
  list_compiling(self, arguments);
  ubiq_error *error = run_step(self, arguments, output, status);
  if (error != NULL || *status == 0 || !has_large_frames(self, output)) return error;
  set_stack(self, LARGE_STACK_BYTES, true);
  list_compiling(self, arguments);
  return run_step(self, arguments, output, status);
}

static ubiq_error *link_step(const compilation *self, buffer *output, int *status) {
  const char *arguments[ARGUMENTS_MAX];
  list_linking(self, arguments);
  return run_step(self, arguments, output, status);
}

static ubiq_error *run_steps(compilation *self) {
  buffer output = {0};
  int status = 0;
  ubiq_error *error = compile_step(self, &output, &status);
  if (error == NULL && status == 0 && output.size > 0 && buffer_string(&output) != NULL)
    log_warn("%s: the compiler warns:\n%s", self->source, (const char *)output.data);
  if (error == NULL && status == 0) error = link_step(self, &output, &status);
  if (error == NULL && status != 0) error = explain(self, &output, status);
  buffer_free(&output);
  return error;
}

static ubiq_error *keep(const compilation *self, const struct timespec *began) {
  const struct timespec times[] = {*began, *began};
  if (utimensat(AT_FDCWD, self->wasm_new, times, 0) != 0) return file_error(errno, self->wasm_new);
  if (rename(self->dependencies_new, self->dependencies) != 0) return file_error(errno, self->dependencies);
  if (rename(self->wasm_new, self->wasm) != 0) return file_error(errno, self->wasm);
  return NULL;
}

static ubiq_error *compile(compilation *self) {
  struct timespec began;
  clock_gettime(CLOCK_REALTIME, &began);
  log_debug("%s: compiling", self->source);
  ubiq_error *error = run_steps(self);
  if (error == NULL) error = keep(self, &began);
  unlink(self->object);
  if (error != NULL) {
    unlink(self->wasm_new);
    unlink(self->dependencies_new);
  }
  return error;
}

ubiq_error *build_source(const char *source, uint64_t stack_bytes, build_stop *stop, char **wasm) {
  compilation self = {.source = realpath(source, NULL), .stop = stop};
  set_stack(&self, stack_bytes == 0 ? SMALL_STACK_BYTES : stack_bytes, stack_bytes != 0);
  if (self.source == NULL) return file_error(errno, source);
  self.names_flag = make_names_flag(self.source);
  ubiq_error *error = self.names_flag == NULL ? ubiq_error_no_memory() : find_pdk(&self.pdk);
  if (error == NULL) error = find_places(&self);
  if (error == NULL && !is_fresh(&self)) error = compile(&self);
  if (error == NULL) {
    *wasm = self.wasm;
    self.wasm = NULL;
  }
  compilation_free(&self);
  return error;
}
