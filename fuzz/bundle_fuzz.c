/// Bundles of any bytes: what passes has files of valid names, whatever its ubiq.toml and manifests ask for.
///
/// An input that begins with 't' is the archive itself, whose headers get right checksums, so that what stands behind them
/// is reached; anything else is a bundle's file.
#include "plugin/manifest/manifest.h"
#include "runtime/bundle/bundle.h"
#include "runtime/bundle/bundle_tar.h"
#include "runtime/project/project.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK_BYTES = 512, SIZE_AT = 124, CHECKSUM_AT = 148 };

static void mend_checksum(uint8_t *header) {
  unsigned sum = 0;
  memset(header + CHECKSUM_AT, ' ', 8);
  for (size_t i = 0; i < BLOCK_BYTES; i++) sum += header[i];
  snprintf((char *)header + CHECKSUM_AT, 8, "%06o", sum);
}

static void mend_checksums(buffer *tar) {
  for (size_t at = 0; tar->size - at >= BLOCK_BYTES;) {
    uint8_t *header = tar->data + at;
    if (header[0] == 0) return;
    mend_checksum(header);
    size_t size = strtoul((const char *)header + SIZE_AT, NULL, 8);
    size_t blocks = (size / BLOCK_BYTES) + (size % BLOCK_BYTES != 0) + 1;
    if (blocks > (tar->size - at) / BLOCK_BYTES) return;
    at += blocks * BLOCK_BYTES;
  }
}

/// A path names a file by its whole name: what is found has a valid one.
static void find(const bundle *bundle, const char *name) {
  ubiq_bytes content;
  if (bundle_find(bundle, text_of(name), &content) && !bundle_name_valid(text_of(name))) abort();
}

static void check_manifest(const bundle *bundle, const char *name) {
  ubiq_bytes content;
  const manifest *manifest = NULL;
  if (!bundle_find(bundle, text_of(name), &content)) return;
  ubiq_error *error = manifest_parse(content.data, content.size, NULL, &manifest);
  for (size_t i = 0; error == NULL && i < manifest->modules_count; i++)
    if (manifest->modules[i].kind == MANIFEST_PATH) find(bundle, manifest->modules[i].location);
  manifest_delete(manifest);
  ubiq_error_delete(error);
}

static void check_project(const bundle *bundle) {
  ubiq_bytes toml;
  project *project = NULL;
  if (!bundle_find(bundle, TEXT(PROJECT_FILE), &toml)) return;
  ubiq_error *error = project_parse("", "ubiq.toml", toml.data, toml.size, &project);
  for (size_t i = 0; error == NULL && i < project->functions_count; i++) {
    const char *file = project->functions[i].file;
    find(bundle, file);
    if (project->functions[i].origin == PROJECT_MANIFEST) check_manifest(bundle, file);
  }
  ubiq_error_delete(error);
  project_delete(project);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bundle *bundle = NULL;
  ubiq_error *error;
  if (size > 0 && data[0] == 't') {
    buffer tar = {0};
    if (!buffer_append(&tar, data + 1, size - 1)) return 0;
    mend_checksums(&tar);
    error = bundle_from_tar("fuzz", &tar, &bundle);
  } else {
    error = bundle_parse("fuzz", (ubiq_bytes){data, size}, &bundle);
  }
  if ((error == NULL) != (bundle != NULL)) abort();
  if (error == NULL) check_project(bundle);
  ubiq_error_delete(error);
  bundle_delete(bundle);
  return 0;
}
