// C and C++ to WebAssembly with the clang that is installed, kept in a cache folder.
//
// A module is named after its source's path and the flags. Beside it stands the list of files that went into it, as the
// compiler wrote it: the module is made again when one of them is newer. Its time is when its making began, so that
// what was saved meanwhile counts as newer.
#include "runtime/build.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/process.h"
#include "runtime/source_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 40, DEPENDENCIES_BYTES_MAX = 1 << 20 };

static const char *const common_flags[] = {
    "--target=wasm32-unknown-unknown",
    "-O2",
    "-mbulk-memory",
    "-Wall",
    "-nostdlib",
    "-fvisibility=hidden",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wl,--no-entry",
    "-Wl,--gc-sections",
    // The stack comes first, so that running out of it traps instead of reaching data; with the data behind it, it lies
    // in the part of memory that a pool keeps for the next instance, so that a run faults no page in.
    "-Wl,--stack-first,-z,stack-size=16384",
    NULL,
};
static const char *const c_flags[] = {"-std=c17", NULL};
static const char *const cpp_flags[] = {"-std=c++17", "-fno-exceptions", "-fno-rtti", NULL};

/// One compilation. Strings are owned.
typedef struct compilation {
  char *source;       ///< real path
  char *pdk;          ///< folder that has ubiq/pdk.h
  char *wasm;         ///< where the module is kept
  char *dependencies; ///< where the list of what went into it is kept
  char *wasm_new;     ///< where the compiler writes
  char *dependencies_new;
} compilation;

static void compilation_free(compilation *self) {
  free(self->source);
  free(self->pdk);
  free(self->wasm);
  free(self->dependencies);
  free(self->wasm_new);
  free(self->dependencies_new);
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
  bool good = buffer_printf(&facts, "%s\n%s\n", self->source, self->pdk);
  for (const char *const *flag = common_flags; good && *flag != NULL; flag++)
    good = buffer_printf(&facts, "%s\n", *flag);
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
  self->wasm_new = format_path(folder, key, ".wasm", (long)getpid());
  self->dependencies_new = format_path(folder, key, ".d", (long)getpid());
  bool good = self->wasm && self->dependencies && self->wasm_new && self->dependencies_new;
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

static void list_arguments(const compilation *self, const char *arguments[ARGUMENTS_MAX]) {
  size_t count = 0;
  arguments[count++] = is_c(self->source) ? "clang" : "clang++";
  for (const char *const *flag = common_flags; *flag != NULL; flag++) arguments[count++] = *flag;
  for (const char *const *flag = is_c(self->source) ? c_flags : cpp_flags; *flag != NULL; flag++)
    arguments[count++] = *flag;
  const char *const rest[] = {"-isystem",   self->pdk, "-MD",          "-MF", self->dependencies_new, "-MT", "module",
                              self->source, "-o",      self->wasm_new, NULL};
  for (const char *const *argument = rest; *argument != NULL; argument++) arguments[count++] = *argument;
  arguments[count] = NULL;
}

static ubiq_error *explain(const compilation *self, buffer *output) {
  const char *messages = buffer_string(output);
  if (messages == NULL) return ubiq_error_no_memory();
  if (strstr(messages, "wasm-ld") != NULL && strstr(messages, "exist") != NULL)
    return ubiq_error_new(UBIQ_UNAVAILABLE, "%s: cannot be linked: wasm-ld is not installed; install the package lld",
                          self->source);
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: does not compile:\n%s", self->source, messages);
}

static ubiq_error *run_compiler(const compilation *self) {
  const char *arguments[ARGUMENTS_MAX];
  list_arguments(self, arguments);
  buffer output = {0};
  int status = 0;
  ubiq_error *error = process_run(arguments, NULL, &output, &status);
  if (error != NULL && ubiq_error_code(error) == UBIQ_NOT_FOUND) {
    ubiq_error_delete(error);
    error = ubiq_error_new(UBIQ_UNAVAILABLE,
                           "%s: cannot be compiled: %s is not installed; install the packages clang and lld",
                           self->source, arguments[0]);
  } else if (error == NULL && status != 0) {
    error = explain(self, &output);
  } else if (error == NULL && output.size > 0 && buffer_string(&output) != NULL) {
    log_warn("%s: the compiler warns:\n%s", self->source, (const char *)output.data);
  }
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

static ubiq_error *compile(const compilation *self) {
  struct timespec began;
  clock_gettime(CLOCK_REALTIME, &began);
  log_debug("%s: compiling", self->source);
  ubiq_error *error = run_compiler(self);
  if (error == NULL) error = keep(self, &began);
  if (error != NULL) {
    unlink(self->wasm_new);
    unlink(self->dependencies_new);
  }
  return error;
}

ubiq_error *build_source(const char *source, char **wasm) {
  compilation self = {.source = realpath(source, NULL)};
  if (self.source == NULL) return file_error(errno, source);
  ubiq_error *error = find_pdk(&self.pdk);
  if (error == NULL) error = find_places(&self);
  if (error == NULL && !is_fresh(&self)) error = compile(&self);
  if (error == NULL) {
    *wasm = self.wasm;
    self.wasm = NULL;
  }
  compilation_free(&self);
  return error;
}
