// See load.h.
// LOCKS: `mutex` is held while an engine is looked for and loaded; what was loaded stays.
#include "engine/load.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOADED_MAX = 16 };

// Engines belong to the process: an object is loaded once.
static struct {
  pthread_mutex_t mutex;
  const engine_ops *ops[LOADED_MAX];
} loaded = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static const engine_errors errors = {
    .make = ubiq_error_new,
    .wrap = ubiq_error_wrap,
    .no_memory = ubiq_error_no_memory,
    .code = ubiq_error_code,
    .message = ubiq_error_message,
    .with_detail = ubiq_error_with_detail,
    .end = ubiq_error_delete,
};

ubiq_error *engine_load_file(const char *path, const char *name, const engine_ops **out) {
  void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!object) return ubiq_error_new(UBIQ_NOT_FOUND, "%s", dlerror());
  const engine_exported *exported = dlsym(object, "ubiq_engine");
  ubiq_error *error = NULL;
  if (!exported)
    error = ubiq_error_new(UBIQ_NOT_FOUND, "%s is no engine: it does not export ubiq_engine", path);
  else if (exported->abi != ENGINE_ABI)
    error = ubiq_error_new(UBIQ_UNAVAILABLE,
                           "%s was built for version %u of the engine interface; this is %d: build it again", path,
                           exported->abi, ENGINE_ABI);
  else if (strcmp(exported->ops->name, name) != 0)
    error =
        ubiq_error_new(UBIQ_UNAVAILABLE, "%s is the engine \"%s\"; expected \"%s\"", path, exported->ops->name, name);
  if (error) {
    dlclose(object);
    return error;
  }
  exported->attach(&errors);
  *out = exported->ops;
  return NULL;
}

// The folder of a path, followed by `more`; false when that does not fit or the path has no folder.
static bool beside(const char *path, const char *more, char *out, size_t room) {
  const char *slash = strrchr(path, '/');
  return slash && (size_t)snprintf(out, room, "%.*s/%s", (int)(slash - path), path, more) < room;
}

static bool beside_library(char *out, size_t room) {
  Dl_info info;
  return dladdr((const void *)&loaded, &info) && info.dli_fname && beside(info.dli_fname, "ubiq", out, room);
}

static bool beside_program(char *out, size_t room) {
  char program[PATH_MAX];
  ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
  if (size < 0) return false;
  program[size] = 0;
  return beside(program, "../lib/ubiq", out, room);
}

static bool object_path(const char *folder, const char *name, char *out, size_t room) {
  return (size_t)snprintf(out, room, "%s/engine-%s.so", folder, name) < room && access(out, F_OK) == 0;
}

// An environment that a program with more rights than its user inherited says nothing about what is loaded into it.
static bool find_object(const char *name, char *path, size_t room) {
  char folder[PATH_MAX];
  const char *asked = secure_getenv("UBIQ_ENGINE_PATH");
  if (asked && *asked) return object_path(asked, name, path, room);
  return (beside_library(folder, sizeof folder) && object_path(folder, name, path, room)) ||
         (beside_program(folder, sizeof folder) && object_path(folder, name, path, room));
}

static ubiq_error *load(const char *name, const engine_ops **place) {
  char path[PATH_MAX + NAME_MAX];
  if (!find_object(name, path, sizeof path))
    return ubiq_error_new(UBIQ_NOT_FOUND, "there is no lib/ubiq/engine-%s.so", name);
  return engine_load_file(path, name, place);
}

ubiq_error *engine_load(const char *name, const engine_ops **out) {
  ubiq_error *error = NULL;
  size_t i = 0;
  pthread_mutex_lock(&loaded.mutex);
  while (i < LOADED_MAX && loaded.ops[i] && strcmp(loaded.ops[i]->name, name) != 0) i++;
  if (i == LOADED_MAX)
    error = ubiq_error_new(UBIQ_INTERNAL, "more than %d engines", LOADED_MAX);
  else if (!loaded.ops[i])
    error = load(name, &loaded.ops[i]);
  if (!error) *out = loaded.ops[i];
  pthread_mutex_unlock(&loaded.mutex);
  return error;
}
