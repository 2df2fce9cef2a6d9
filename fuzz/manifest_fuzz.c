// Fuzzes what reads manifests and configs: JSON, TOML, raw Wasm and WAT, names, data, hashes.
//
// Run: make fuzz, or build/fuzz/fuzz/manifest_fuzz fuzz/corpus/manifest_fuzz
#include "plugin/manifest/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Names are made and data is loaded; files and URLs are left alone.
static void use(const manifest *self) {
  const char **names = calloc(self->modules_count + 1, sizeof *names);
  if (names != NULL) ubiq_error_delete(manifest_names_resolve(self, names));
  free(names);
  for (size_t i = 0; i < self->modules_count; i++) {
    if (self->modules[i].kind != MANIFEST_DATA) continue;
    buffer bytes = {0};
    ubiq_error_delete(manifest_module_load(&self->modules[i], NULL, &bytes));
    buffer_free(&bytes);
  }
  for (size_t i = 0; i < self->allowed_hosts_count; i++) {
    text_glob_match(text_of(self->allowed_hosts[i]), TEXT("api.example.com"));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const manifest *self = NULL;
  ubiq_error *error = manifest_from_bytes(data, size, NULL, &self);
  if (error == NULL) {
    use(self);
    manifest_delete(self);
  }
  ubiq_error_delete(error);

  map config = {0};
  ubiq_error_delete(manifest_config_merge(&config, data, size));
  map_free(&config);
  return 0;
}
