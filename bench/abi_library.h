// A libextism loaded by its path: ours and the official one in programs of the same binary code.
#ifndef BENCH_ABI_LIBRARY_H
#define BENCH_ABI_LIBRARY_H

#include "extism.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* clang-format off */
#define ABI_SYMBOLS(X)                                                                                                 \
  X(compiled_plugin_new) X(compiled_plugin_free) X(plugin_new) X(plugin_new_from_compiled) X(plugin_free)              \
  X(plugin_call) X(plugin_output_length) X(plugin_output_data) X(plugin_error) X(function_new) X(function_free)
/* clang-format on */

typedef struct abi {
#define X(name) __typeof__(extism_##name) *name;
  ABI_SYMBOLS(X)
#undef X
} abi;

static _Noreturn void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why ? why : "no reason given");
  exit(1);
}

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static abi abi_load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(path, dlerror());
  abi abi;
#define X(name)                                                                                                        \
  *(void **)&abi.name = dlsym(library, "extism_" #name);                                                               \
  if (!abi.name) fail(path, "lacks extism_" #name);
  ABI_SYMBOLS(X)
#undef X
  return abi;
}

static uint8_t *read_file(const char *folder, const char *name, size_t *size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file) fail(path, "cannot be opened; `make guests` builds it");
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size);
  if (!bytes || fread(bytes, 1, *size, file) != *size) fail(path, "cannot be read");
  fclose(file);
  return bytes;
}

#endif
