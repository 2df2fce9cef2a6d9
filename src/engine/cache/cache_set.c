// See cache_set.h.
#include "engine/cache/cache_set.h"

#include <stdlib.h>
#include <string.h>

// Sets are small: one entry for most plugins, one for each module at most.
static bool add(cache_set *self, const char *name, ubiq_bytes code) {
  cache_set_entry *entries = realloc(self->entries, (self->count + 1) * sizeof *entries);
  if (!entries) return false;
  self->entries = entries;
  cache_set_entry *entry = &entries[self->count++];
  memcpy(entry->name, name, CACHE_NAME_SIZE - 1);
  entry->name[CACHE_NAME_SIZE - 1] = 0;
  entry->code = code;
  return true;
}

ubiq_error *cache_set_add(cache_set *self, const char *settings, const uint8_t *wasm, size_t size,
                          engine_module *module) {
  char name[CACHE_NAME_SIZE];
  uint8_t *code = NULL;
  size_t code_size = 0;
  if (!(module->ops->capabilities & ENGINE_CAN_SERIALIZE))
    return ubiq_error_new(UBIQ_UNAVAILABLE, "engine %s cannot keep compiled modules", module->ops->name);
  if (!cache_name(module->ops, settings, wasm, size, name)) return ubiq_error_no_memory();
  ubiq_error *error = module->ops->serialize(module, &code, &code_size);
  if (error) return error;
  if (add(self, name, (ubiq_bytes){code, code_size})) return NULL;
  free(code);
  return ubiq_error_no_memory();
}

bool cache_set_borrow(cache_set *self, const char *name, ubiq_bytes code) {
  self->is_borrowed = true;
  return add(self, name, code);
}

static const cache_set_entry *find(const cache_set *self, const char *name) {
  for (size_t i = 0; i < self->count; i++)
    if (strcmp(self->entries[i].name, name) == 0) return &self->entries[i];
  return NULL;
}

ubiq_error *cache_set_load(const cache_set *self, engine *engine, const char *settings, const uint8_t *wasm,
                           size_t size, engine_module **out) {
  char name[CACHE_NAME_SIZE];
  if (!cache_name(engine->ops, settings, wasm, size, name)) return ubiq_error_no_memory();
  const cache_set_entry *entry = find(self, name);
  if (!entry)
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "there is no compiled code for what its modules are linked to here; compile it again");
  ubiq_error *cause = engine->ops->deserialize(engine, entry->code.data, entry->code.size, out);
  if (!cause) return NULL;
  ubiq_error *error = ubiq_error_new(UBIQ_UNAVAILABLE, "%s", ubiq_error_message(cause));
  ubiq_error_delete(cause);
  return error;
}

void cache_set_free(cache_set *self) {
  for (size_t i = 0; i < self->count && !self->is_borrowed; i++) free((uint8_t *)(uintptr_t)self->entries[i].code.data);
  free(self->entries);
  *self = (cache_set){0};
}
