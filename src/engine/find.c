// The engines there are, by name: one line for each.
#include "engine/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const engine_ops wasmtime_ops;

// The first is the default. What is not linked is a shared object of its own (load.h).
static const engine_known engines[] = {
    {.name = "wasmtime", .linked = &wasmtime_ops},
    {.name = "wasm3", .how = "run scripts/setup and build with -DUBIQ_ENGINE_WASM3=ON"},
    {.name = "wazero", .how = "run `make engines` where go is, or build with -DUBIQ_ENGINE_WAZERO=ON"},
    {.name = "wasmi", .how = "run `make engines` where cargo is, or build with -DUBIQ_ENGINE_WASMI=ON"},
    {.name = "wasmer",
     .how = "run `make engines-all` where cargo is (some minutes), or build with -DUBIQ_ENGINE_WASMER=ON"},
    {.name = "wasmedge",
     .how =
         "install libwasmedge-dev of Debian trixie (or a later one) and build there; elsewhere `make wasmedge` builds "
         "and tests it"},
};

enum { ENGINES = sizeof engines / sizeof *engines };

const engine_known *engine_list(size_t *count) {
  *count = ENGINES;
  return engines;
}

const char *engine_default_name(void) {
  const char *asked = getenv("UBIQ_ENGINE");
  return asked && *asked ? asked : engines[0].name;
}

static ubiq_error *find_object(const engine_known *known, const engine_ops **ops) {
  ubiq_error *cause = engine_load(known->name, ops);
  if (!cause) return NULL;
  ubiq_error *error =
      ubiq_error_new(ubiq_error_code(cause), "engine \"%s\" is not part of this build: %s; to get it, %s", known->name,
                     ubiq_error_message(cause), known->how);
  ubiq_error_delete(cause);
  return error;
}

// Prints `"a", "b"`; what does not fit is left out.
static void print_names(char *text, size_t room) {
  size_t used = 0;
  text[0] = 0;
  for (size_t i = 0; i < ENGINES && used < room; i++)
    used += (size_t)snprintf(text + used, room - used, "%s\"%s\"", i ? ", " : "", engines[i].name);
}

static ubiq_error *unknown(const char *name) {
  char names[256];
  print_names(names, sizeof names);
  return ubiq_error_new(UBIQ_NOT_FOUND, "engine \"%s\" is not part of this build; expected one of %s", name, names);
}

ubiq_error *engine_find(const char *name, const engine_ops **ops) {
  const char *wanted = name ? name : engine_default_name();
  for (size_t i = 0; i < ENGINES; i++) {
    if (strcmp(engines[i].name, wanted) != 0) continue;
    if (!engines[i].linked) return find_object(&engines[i], ops);
    *ops = engines[i].linked;
    return NULL;
  }
  return unknown(wanted);
}

ubiq_error *engine_wat_to_wasm(const char *text, size_t size, uint8_t **wasm, size_t *wasm_size) {
  return engines[0].linked->wat_to_wasm(text, size, wasm, wasm_size);
}

ubiq_error *engine_validate(const uint8_t *wasm, size_t size) {
  return engines[0].linked->validate(wasm, size);
}
