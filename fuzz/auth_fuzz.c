/// Who calls, of any bytes: the first two lines of an input are the headers Authorization and X-API-Key, the rest is a
/// ubiq.toml. Nobody who is not known is let in, and who is has said a key whose hash the project has.
#include "base/json.h"
#include "runtime/auth/auth.h"
#include "runtime/project/project.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// RFC 8037, appendix A.2: nobody has the other half but who reads that; no token of it has our issuer.
static const char own_keys[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                               "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static ubiq_error *read_keys(void *user, const char *path, ubiq_bytes *out) {
  (void)user;
  (void)path;
  *out = (ubiq_bytes){(const uint8_t *)own_keys, sizeof own_keys - 1};
  return NULL;
}

static bool is_known(const auth_settings *settings, text key) {
  char hash[DIGEST_SHA256_HEX_SIZE];
  digest_sha256_hex(key.data, key.size, hash);
  for (size_t i = 0; i < settings->api_keys_count; i++)
    if (strcmp(settings->api_keys[i].digest, hash) == 0) return true;
  return false;
}

static void check_answer(const auth_settings *settings, const auth_presented *presented, ubiq_error *error,
                         const buffer *identity) {
  if (error != NULL && identity->size != 0) abort();
  if (error != NULL && ubiq_error_code(error) != UBIQ_DENIED) abort();
  bool says_nothing = presented->authorization.size == 0 && presented->api_key.size == 0;
  if (identity->size == 0 && error == NULL && !says_nothing) abort();
  if (identity->size == 0) return;
  if (!is_known(settings, presented->api_key)) abort();
  yyjson_doc *document = yyjson_read((const char *)identity->data, identity->size, YYJSON_READ_NOFLAG);
  if (document == NULL) abort();
  yyjson_doc_free(document);
}

static void check(const auth_settings *settings, const auth_presented *presented) {
  const ubiq_files files = {.read = read_keys};
  auth *self = NULL;
  buffer identity = {0};
  if (settings->key_host != NULL) return; // would be fetched
  if (auth_new(settings, &files, &self) != NULL) abort();
  ubiq_error *error = auth_check(self, presented, 1000000, &identity);
  check_answer(settings, presented, error, &identity);
  ubiq_error_delete(error);
  buffer_free(&identity);
  auth_delete(self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  text rest = {(const char *)data, size}, authorization = TEXT(""), key = TEXT("");
  text_split(&rest, '\n', &authorization);
  text_split(&rest, '\n', &key);
  const auth_presented presented = {text_trim(authorization), text_trim(key)};
  project *project = NULL;
  ubiq_error *error = project_parse("dir", "ubiq.toml", rest.data == NULL ? "" : rest.data, rest.size, &project);
  if (error == NULL && project->auth != NULL) check(project->auth, &presented);
  ubiq_error_delete(error);
  project_delete(project);
  return 0;
}
