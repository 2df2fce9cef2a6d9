// What a server was sent is believed only as far as its digest and, where asked for, its signature go.
#include "server/releases/release_load.h"

#include "base/file.h"

#include <stdio.h>

static const char *shorten(const char *digest, char out[RELEASE_DIGEST_BYTES + 1]) {
  snprintf(out, RELEASE_DIGEST_BYTES + 1, "%s", digest);
  return out;
}

static ubiq_error *check_signature(const releases_settings *self, const release_record *record) {
  if (self->keys_count == 0) return NULL;
  if (!record->is_signed)
    return ubiq_error_new(UBIQ_DENIED, "the bundle is not signed; expected a signature (`ubiq build --sign KEY`)");
  if (bundle_signed_by(self->keys, self->keys_count, record->digest, record->signature)) return NULL;
  return ubiq_error_new(UBIQ_DENIED, "the bundle's signature is of none of the keys that this server knows "
                                     "(--require-signature)");
}

static ubiq_error *check_names(const project *project) {
  if (strlen(project->name) <= RELEASE_NAME_BYTES_MAX && strlen(project->version) <= RELEASE_NAME_BYTES_MAX)
    return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "the project's name or version is too long; at most %d bytes are allowed",
                        RELEASE_NAME_BYTES_MAX);
}

/// What is in a file has to be what its digest says: on its way, or on the disk, it may have changed.
static ubiq_error *read_bundle(const char *path, const char *digest, bundle **out, uint64_t *size) {
  char found[DIGEST_SHA256_HEX_SIZE], name[RELEASE_DIGEST_BYTES + 1];
  buffer bytes = {0};
  ubiq_error *error = file_read_all(path, BUNDLE_BYTES_MAX, &bytes);
  if (error == NULL) {
    *size = bytes.size;
    digest_sha256_hex(bytes.data, bytes.size, found);
    error = strcmp(found, digest) == 0
                ? bundle_parse(shorten(digest, name), buffer_bytes(&bytes), out)
                : ubiq_error_new(UBIQ_INVALID_INPUT,
                                 "the bundle's SHA-256 is %s; expected %s: it was changed on its way or on the disk",
                                 found, digest);
  }
  buffer_free(&bytes);
  return error;
}

/// `granted` are lines; NULL: all.
static ubiq_error *load(const releases_settings *self, const bundle *bundle, unsigned times, const char *granted,
                        release **out) {
  release_grant grant = self->grant;
  permission_set *deployer = NULL;
  compiler_work work;
  ubiq_error *error = granted == NULL ? NULL : permission_set_of_token(TEXT("--grant"), text_of(granted), &deployer);
  if (error != NULL) return error;
  grant.deployer = deployer;
  if (self->compiler != NULL) {
    compiler_begin(self->compiler, times, &work);
    grant.compiler = &work.base;
  }
  error = release_from_bundle(bundle, &grant, out);
  permission_set_delete(deployer);
  return error;
}

ubiq_error *release_load(const releases_settings *self, const char *path, unsigned times, release_record *record,
                         release **out) {
  bundle *bundle = NULL;
  release *loaded = NULL;
  ubiq_error *error = check_signature(self, record);
  if (error == NULL) error = read_bundle(path, record->digest, &bundle, &record->size);
  if (error == NULL) error = load(self, bundle, times, record->granted, &loaded);
  bundle_delete(bundle);
  if (error == NULL) error = check_names(loaded->project);
  if (error == NULL) error = release_warm(loaded);
  if (error != NULL) {
    release_delete(loaded);
    return error;
  }
  shorten(record->digest, loaded->digest);
  snprintf(record->project, sizeof record->project, "%s", loaded->project->name);
  snprintf(record->version, sizeof record->version, "%s", loaded->project->version);
  *out = loaded;
  return NULL;
}
