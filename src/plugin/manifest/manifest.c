// Manifests: their life, their modules' names, and what counts as Wasm. The text is read in manifest_parse.c, modules
// in manifest_load.c.
#include "plugin/manifest/manifest.h"

#include "base/json.h"
#include "plugin/manifest/manifest_internal.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/// The name of the module that Extism's own kernel is linked as: no other may take it.
static const char kernel_name[] = "extism:host/env";

manifest_block *manifest_block_new(void) {
  manifest_block *block = calloc(1, sizeof *block);
  if (block == NULL) return NULL;
  arena_init(&block->strings);
  return block;
}

static_assert(offsetof(manifest_block, content) == 0, "a manifest's address is its block's");

static manifest_block *block_of(const manifest *self) {
  return (manifest_block *)(uintptr_t)self; // ours, and not const in truth
}

void manifest_delete(const manifest *self) {
  if (self == NULL) return;
  manifest_block *block = block_of(self);
  map_free(&block->content.config);
  arena_free(&block->strings);
  free(block);
}

ubiq_error *manifest_from_wasm(const void *data, size_t size, const manifest **out) {
  manifest_block *block = manifest_block_new();
  if (block == NULL) return ubiq_error_no_memory();
  manifest_module *module = arena_array(&block->strings, 1, sizeof *module);
  uint8_t *copy = arena_copy(&block->strings, data, size);
  if (module == NULL || copy == NULL) {
    manifest_delete(&block->content);
    return ubiq_error_no_memory();
  }
  *module = (manifest_module){.kind = MANIFEST_DATA, .data = copy, .data_size = size};
  block->content.modules = module;
  block->content.modules_count = 1;
  *out = &block->content;
  return NULL;
}

ubiq_error *manifest_from_bytes(const void *data, size_t size, const manifest_options *options, const manifest **out) {
  // What is no text cannot be a manifest: the engine says best what is wrong with it.
  bool is_text = size > 0 && memchr(data, 0, size) == NULL && text_utf8_valid(data, size);
  bool is_wasm = manifest_looks_like_wasm(data, size) || (size > 0 && !is_text);
  return is_wasm ? manifest_from_wasm(data, size, out) : manifest_parse(data, size, options, out);
}

bool manifest_looks_like_wasm(const void *data, size_t size) {
  if (size >= 4 && memcmp(data, "\0asm", 4) == 0) return true;
  text rest = text_trim((text){data, size});
  if (text_starts_with(rest, TEXT(";;")) || text_starts_with(rest, TEXT("(;"))) return true;
  if (!text_starts_with(rest, TEXT("("))) return false;
  return text_starts_with(text_trim((text){rest.data + 1, rest.size - 1}), TEXT("module"));
}

static bool is_taken(const char *name, const char *const *names, size_t count) {
  if (strcmp(name, kernel_name) == 0) return true;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(name, names[i]) == 0) return true;
  }
  return false;
}

ubiq_error *manifest_names_resolve(const manifest *self, const char **names) {
  size_t count = self->modules_count;
  if (count == 0) return ubiq_error_new(UBIQ_INVALID_INPUT, "No wasm files specified in Extism manifest");
  if (count == 1) {
    names[0] = MANIFEST_MAIN;
    return NULL;
  }

  for (size_t i = 0; i < count; i++) {
    const char *name = self->modules[i].name == NULL ? MANIFEST_MAIN : self->modules[i].name;
    bool is_last = i == count - 1;
    if (is_last && !is_taken(MANIFEST_MAIN, names, i)) name = MANIFEST_MAIN;
    if (is_taken(name, names, i)) {
      return ubiq_error_new(UBIQ_INVALID_INPUT, "Duplicate module name found in Extism manifest: %s", name);
    }
    names[i] = name;
  }
  return NULL;
}

/// Sets and takes away in a copy, so that a failure changes nothing.
static ubiq_error *merge_object(map *config, const json_value *object) {
  ubiq_error *error = json_expect_object(object);
  if (error != NULL) return error;

  map changed = {0};
  if (!map_copy(&changed, config)) return ubiq_error_no_memory();
  json_value field = {0};
  while (error == NULL && json_next_field(object, &field)) {
    text value;
    if (json_is_absent(&field)) {
      map_remove(&changed, field.key);
    } else if (!yyjson_is_str(field.value)) {
      error = json_wrong(&field, "a string, or null to take the key away");
    } else {
      error = json_get_text(&field, &value);
      if (error == NULL && !map_set(&changed, field.key, value.data, value.size)) error = ubiq_error_no_memory();
    }
  }
  if (error != NULL) {
    map_free(&changed);
    return error;
  }
  map_free(config);
  *config = changed;
  return NULL;
}

ubiq_error *manifest_config_merge(map *config, const void *json, size_t size) {
  static const json_source source = {.name = "config"};
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse(source.name, json, size, &document);
  if (error != NULL) return error;
  json_value root = json_root(&source, yyjson_doc_get_root(document));
  error = merge_object(config, &root);
  yyjson_doc_free(document);
  return error;
}
