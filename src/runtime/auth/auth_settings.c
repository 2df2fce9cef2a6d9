// Reading the table `auth` of ubiq.toml.
#include "runtime/auth/auth.h"

#include "base/file.h"
#include "base/json_string.h"
#include "base/json_table.h"
#include "base/json_units.h"

#include <stdlib.h>

#define HASH_PREFIX "sha256:"

typedef struct reader {
  arena *arena;
  const char *directory;
  auth_settings *settings;
} reader;

static bool is_url(const char *keys) {
  return strstr(keys, "://") != NULL;
}

/// Keys that somebody could change on their way are worth nothing.
static bool is_safe(const char *url, text host) {
  static const char *const own[] = {"127.0.0.1", "localhost", "[::1]"};
  bool is_own = false;
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) is_own |= text_equal_string(host, own[i]);
  return text_starts_with(text_of(url), TEXT("https://")) ||
         (is_own && text_starts_with(text_of(url), TEXT("http://")));
}

static ubiq_error *read_key_url(reader *self, const json_value *value, const char *url) {
  const char *begin = strstr(url, "://") + 3;
  text host = {begin, strcspn(begin, "/?#")};
  const char *colon = memrchr(host.data, ':', host.size);
  if (colon != NULL && host.size > 0 && host.data[host.size - 1] != ']') host.size = (size_t)(colon - host.data);
  if (host.size == 0 || memchr(host.data, '@', host.size) != NULL || !is_safe(url, host))
    return json_wrong(value, "a file, or a URL that begins with https://");
  self->settings->keys = url;
  self->settings->key_host = arena_string(self->arena, host.data, host.size);
  return self->settings->key_host == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_keys(reader *self, const json_value *value) {
  const char *keys;
  ubiq_error *error = json_get_string(value, self->arena, &keys);
  if (error != NULL) return error;
  if (is_url(keys)) return read_key_url(self, value, keys);
  char *path = file_path_join(self->directory, keys);
  self->settings->keys = path == NULL ? NULL : arena_string(self->arena, path, strlen(path));
  free(path);
  return self->settings->keys == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_issuer(reader *self, const json_value *value) {
  return json_get_string(value, self->arena, &self->settings->policy.issuer);
}

static ubiq_error *read_audience(reader *self, const json_value *value) {
  return json_get_string(value, self->arena, &self->settings->policy.audience);
}

static ubiq_error *read_leeway(reader *self, const json_value *value) {
  uint64_t leeway_ms;
  ubiq_error *error = json_get_duration(value, &leeway_ms);
  if (error == NULL && leeway_ms > 10 * 60 * 1000) error = json_wrong(value, "at most 10m");
  if (error == NULL) self->settings->policy.leeway_s = leeway_ms / 1000;
  return error;
}

static ubiq_error *read_api_key(reader *self, const json_value *field, auth_api_key *out) {
  text hash;
  ubiq_error *error = json_get_text(field, &hash);
  if (error != NULL) return error;
  out->name = arena_string(self->arena, field->key.data, field->key.size);
  if (out->name == NULL) return ubiq_error_no_memory();
  bool good = text_starts_with(hash, TEXT(HASH_PREFIX)) && hash.size == strlen(HASH_PREFIX) + sizeof out->digest - 1 &&
              strspn(hash.data + strlen(HASH_PREFIX), "0123456789abcdef") == sizeof out->digest - 1;
  if (good) memcpy(out->digest, hash.data + strlen(HASH_PREFIX), sizeof out->digest);
  return good ? NULL
              : json_error(field,
                           "is no hash of an API key; expected \"" HASH_PREFIX "...\", as `ubiq api-key` prints it");
}

static ubiq_error *read_api_keys(reader *self, const json_value *value) {
  ubiq_error *error = json_expect_object(value);
  if (error != NULL) return error;
  size_t count = json_count(value);
  if (count > AUTH_API_KEYS_MAX) return json_wrong(value, "at most %d keys", AUTH_API_KEYS_MAX);
  auth_api_key *keys = arena_array(self->arena, count, sizeof *keys);
  if (keys == NULL) return ubiq_error_no_memory();
  json_value field = {0};
  for (size_t i = 0; error == NULL && json_next_field(value, &field); i++) error = read_api_key(self, &field, &keys[i]);
  self->settings->api_keys = keys;
  self->settings->api_keys_count = count;
  return error;
}

static const struct {
  const char *name;
  ubiq_error *(*read)(reader *self, const json_value *value);
} keys[] = {
    {"keys", read_keys},     {"issuer", read_issuer},     {"audience", read_audience},
    {"leeway", read_leeway}, {"api_keys", read_api_keys},
};

/// Tokens of whoever has an account somewhere are not meant.
static ubiq_error *check(const auth_settings *self, const json_value *value) {
  if (self->keys == NULL && self->api_keys_count == 0)
    return json_error(value, "does not say who is known; expected \"keys\" or \"api_keys\"");
  if (self->keys != NULL && (self->policy.issuer == NULL || self->policy.audience == NULL))
    return json_error(value,
                      "has \"keys\" without \"issuer\" and \"audience\"; expected both: a token for another service "
                      "must not count here");
  return NULL;
}

ubiq_error *auth_settings_read(const json_value *value, arena *arena, const char *directory,
                               const auth_settings **out) {
  auth_settings *settings = arena_array(arena, 1, sizeof *settings);
  if (settings == NULL) return ubiq_error_no_memory();
  settings->policy.leeway_s = 30;
  reader self = {arena, directory, settings};
  const json_keys known = JSON_KEYS(keys);
  json_value field;
  ubiq_error *error = json_check_table(value, &known);
  for (size_t next = 0; error == NULL && json_next_known(value, &known, &next, &field);)
    error = keys[next - 1].read(&self, &field);
  *out = settings;
  return error != NULL ? error : check(settings, value);
}
