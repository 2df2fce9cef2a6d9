// Who makes a request: an API key or a signed token, checked before a function that asks for it runs.
//
//     [auth]
//     keys = "https://id.example.com/jwks.json"   # or a file
//     issuer = "https://id.example.com"
//     audience = "shop"
//     leeway = "30s"
//
//     [auth.api_keys]
//     ci = "sha256:9f86d0..."                     # `ubiq api-key ci` makes one
//
// Keys of a URL are fetched by a thread of their own, every AUTH_REFRESH_S and, at most every AUTH_RETRY_S, when a token is
// signed by one that is not known. A file is looked at by those who check tokens, every AUTH_LOOK_S and for each token
// that is signed by a key that is not known, and read when it has changed (key_file.h).
//
// LOCKS: one in `auth`, around the key set in use and what the thread is asked; held for a few stores. Another around
// looking at a file, in which the first is taken. Any thread.
#ifndef RUNTIME_AUTH_AUTH_H
#define RUNTIME_AUTH_AUTH_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/json.h"
#include "runtime/auth/jwt.h"
#include "ubiq/plugin.h"

enum {
  AUTH_API_KEYS_MAX = 1000,
  AUTH_REFRESH_S = 300,
  AUTH_RETRY_S = 10,
  AUTH_LOOK_S = 5,
  AUTH_KEY_SIZE = 69, ///< bytes of an API key's text, NUL included
};

/// An API key, of which only the hash is known.
typedef struct auth_api_key {
  const char *name;
  char digest[DIGEST_SHA256_HEX_SIZE]; ///< of its text
} auth_api_key;

/// What a project says. It never changes once it is read.
typedef struct auth_settings {
  const char *keys;     ///< a URL, or a file's real place; NULL: no tokens count
  const char *key_host; ///< of a URL; NULL: it is a file
  jwt_policy policy;
  const auth_api_key *api_keys;
  size_t api_keys_count;
} auth_settings;

typedef struct auth auth;

/// What a request says of who makes it; empty where it says nothing.
typedef struct auth_presented {
  text authorization; ///< the header of this name
  text api_key;       ///< the header X-API-Key
} auth_presented;

/// Reads the table `auth`. What `*out` points to is in `arena`; a file is looked for in `directory`. Errors: `invalid_input`.
ubiq_error *auth_settings_read(const json_value *value, arena *arena, const char *directory, const auth_settings **out);

/// Reads or fetches the keys. Where a URL does not answer, that is logged and tried again: until then no token counts. With
/// `files` a file is one of these. `settings` must outlive it. `*out` is the caller's. Errors: those of jwks_parse and of
/// reading a file; out of memory.
ubiq_error *auth_new(const auth_settings *settings, const ubiq_files *files, auth **out);

/// Checks what a request presents at `now_s` since 1970. Appends who it is, as a JSON object, to `identity`:
/// `{"kind":"api_key","name":"ci"}` or `{"kind":"token","claims":{...}}`; nothing when it presents nothing. Errors: `denied`
/// with words for the client; `unavailable` while keys are fetched that may be the token's.
ubiq_error *auth_check(auth *self, const auth_presented *presented, uint64_t now_s, buffer *identity);

/// NULL is allowed. Does not wait for a fetch that is under way.
void auth_delete(auth *self);

/// Makes an API key: its text, and the hash as a project has it (`sha256:` and 64 digits).
void auth_api_key_new(char text[AUTH_KEY_SIZE], char hash[7 + DIGEST_SHA256_HEX_SIZE]);

#endif
