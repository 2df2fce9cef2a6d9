// The engines there are, by name.
#include "engine/engine.h"

#include <string.h>

extern const engine_ops wasmtime_ops;

static const engine_ops *const engines[] = {&wasmtime_ops};

ubiq_error *engine_find(const char *name, const engine_ops **ops) {
  for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
    if (strcmp(engines[i]->name, name) == 0) {
      *ops = engines[i];
      return NULL;
    }
  return ubiq_error_new(UBIQ_NOT_FOUND, "engine \"%s\" is not part of this build; expected \"wasmtime\"", name);
}
