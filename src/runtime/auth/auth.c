// The thread that fetches keys may outlive its release: it owns a share, and all that it reads is copied.
#include "runtime/auth/auth.h"

#include "base/clock.h"
#include "base/fetch.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "runtime/auth/key_file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { FETCH_TIMEOUT_MS = 10 * 1000 };

struct auth {
  const auth_settings *settings; ///< not for the thread
  char *url;                     ///< NULL: keys are not fetched
  bool has_file;                 ///< they are read
  atomic_size_t owners;          ///< the release, and the thread
  atomic_bool is_over;           ///< the release has gone

  pthread_mutex_t looking; ///< guards what follows
  key_file file;

  pthread_mutex_t lock; ///< guards what follows
  pthread_cond_t asked; ///< on the monotonic clock
  jwks *keys;           ///< NULL: none yet
  bool is_asked;        ///< somebody wants them fetched again
  bool is_fetching;     ///< and they are
  uint64_t fetched_ns;  ///< when that was begun last
  uint64_t looked_ns;   ///< at the file
};

static void release_share(auth *self) {
  if (atomic_fetch_sub(&self->owners, 1) > 1) return;
  jwks_delete(self->keys);
  pthread_cond_destroy(&self->asked);
  pthread_mutex_destroy(&self->lock);
  pthread_mutex_destroy(&self->looking);
  if (self->has_file) key_file_close(&self->file);
  free(self->url);
  free(self);
}

// -------------------------------------------------------------------------------------------------------- fetching

static ubiq_error *allow_url(void *user, const fetch_target *target, const net_gate **gate) {
  (void)user;
  (void)gate;
  if (target->redirects == 0) return NULL;
  return ubiq_error_new(UBIQ_DENIED, "keys are to be fetched from %s; expected the URL that has them", target->url);
}

static bool is_over(void *user) {
  return atomic_load(&((auth *)user)->is_over);
}

static ubiq_error *parse_answer(const auth *self, const fetch_response *response, jwks **out) {
  if (response->status != 200)
    return ubiq_error_new(UBIQ_UNAVAILABLE, "%s: answered with status %d; expected 200", self->url, response->status);
  return jwks_parse(self->url, response->body.data, response->body.size, out);
}

static ubiq_error *fetch_keys(auth *self, jwks **out) {
  const fetch_policy policy = {.allow_url = allow_url, .gate = &net_gate_private};
  const fetch_request request = {
      .url = self->url, .timeout_ms = FETCH_TIMEOUT_MS, .response_bytes_max = JWKS_BYTES_MAX, .policy = &policy};
  const fetch_interrupt interrupt = {.cancelled = is_over, .user = self, .wake_fd = -1};
  fetch_response response;
  ubiq_error *error = fetch_perform(&request, &interrupt, &response);
  if (error != NULL) return error;
  error = parse_answer(self, &response, out);
  fetch_response_free(&response);
  return error;
}

static void refresh(auth *self) {
  jwks *fetched = NULL;
  pthread_mutex_lock(&self->lock);
  self->fetched_ns = clock_monotonic_ns();
  self->is_asked = false;
  self->is_fetching = true;
  pthread_mutex_unlock(&self->lock);
  ubiq_error *error = fetch_keys(self, &fetched);
  if (error != NULL && !is_over(self)) log_warn("keys of tokens stay as they are: %s", ubiq_error_message(error));
  pthread_mutex_lock(&self->lock);
  jwks *old = error == NULL ? self->keys : NULL;
  if (error == NULL) self->keys = fetched;
  self->is_fetching = false;
  pthread_mutex_unlock(&self->lock);
  jwks_delete(old);
  ubiq_error_delete(error);
}

static void wait_until_asked(auth *self) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += AUTH_REFRESH_S;
  pthread_mutex_lock(&self->lock);
  int number = 0;
  while (!self->is_asked && !is_over(self) && number == 0)
    number = pthread_cond_timedwait(&self->asked, &self->lock, &until);
  pthread_mutex_unlock(&self->lock);
}

static void *keep_fresh(void *user) {
  auth *self = user;
  for (;;) {
    wait_until_asked(self);
    if (is_over(self)) break;
    refresh(self);
  }
  release_share(self);
  return NULL;
}

static ubiq_error *start_thread(auth *self) {
  pthread_t thread;
  atomic_fetch_add(&self->owners, 1);
  if (thread_start(&thread, NULL, keep_fresh, self) == 0) {
    pthread_detach(thread);
    return NULL;
  }
  atomic_fetch_sub(&self->owners, 1);
  return ubiq_error_new(UBIQ_INTERNAL, "the thread that fetches keys cannot be started");
}

// ------------------------------------------------------------------------------------------------------- re-reading

/// Whoever comes meanwhile waits, and finds what was read.
static void look(auth *self) {
  jwks *fresh;
  pthread_mutex_lock(&self->looking);
  key_file_look(&self->file, &fresh);
  if (fresh != NULL) {
    pthread_mutex_lock(&self->lock);
    jwks *old = self->keys;
    self->keys = fresh;
    pthread_mutex_unlock(&self->lock);
    jwks_delete(old);
  }
  pthread_mutex_unlock(&self->looking);
}

static void look_now_and_then(auth *self) {
  if (!self->has_file) return;
  const uint64_t now_ns = clock_monotonic_ns();
  pthread_mutex_lock(&self->lock);
  const bool is_due = now_ns - self->looked_ns >= AUTH_LOOK_S * CLOCK_NS_PER_SECOND;
  if (is_due) self->looked_ns = now_ns;
  pthread_mutex_unlock(&self->lock);
  if (is_due) look(self);
}

// ----------------------------------------------------------------------------------------------------------- making

/// A bundle's never change.
static ubiq_error *read_file(auth *self, const ubiq_files *files) {
  ubiq_bytes bytes;
  const char *path = self->settings->keys;
  if (files == NULL) {
    self->has_file = true;
    self->looked_ns = clock_monotonic_ns();
    return key_file_open(&self->file, path, &self->keys);
  }
  ubiq_error *error = files->read(files->user, path, &bytes);
  return error != NULL ? error : jwks_parse(path, bytes.data, bytes.size, &self->keys);
}

static ubiq_error *open_keys(auth *self, const ubiq_files *files) {
  const auth_settings *settings = self->settings;
  if (settings->keys == NULL) return NULL;
  if (settings->key_host == NULL) return read_file(self, files);
  self->url = strdup(settings->keys);
  if (self->url == NULL) return ubiq_error_no_memory();
  refresh(self);
  return start_thread(self);
}

ubiq_error *auth_new(const auth_settings *settings, const ubiq_files *files, auth **out) {
  auth *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&self->asked, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&self->lock, NULL);
  pthread_mutex_init(&self->looking, NULL);
  atomic_init(&self->owners, 1);
  self->settings = settings;
  ubiq_error *error = open_keys(self, files);
  if (error == NULL)
    *out = self;
  else
    release_share(self);
  return error;
}

void auth_delete(auth *self) {
  if (self == NULL) return;
  pthread_mutex_lock(&self->lock);
  atomic_store(&self->is_over, true);
  pthread_cond_signal(&self->asked);
  pthread_mutex_unlock(&self->lock);
  release_share(self);
}

// --------------------------------------------------------------------------------------------------------- checking

static jwks *hold_keys(auth *self) {
  pthread_mutex_lock(&self->lock);
  jwks *keys = self->keys == NULL ? NULL : jwks_retain(self->keys);
  pthread_mutex_unlock(&self->lock);
  return keys;
}

/// Whether keys are fetched now, or will be at once; false where those that there are have just come.
static bool ask_for_keys(auth *self) {
  if (self->url == NULL) return false;
  pthread_mutex_lock(&self->lock);
  bool due = !self->is_fetching && clock_monotonic_ns() - self->fetched_ns >= AUTH_RETRY_S * CLOCK_NS_PER_SECOND;
  if (due) self->is_asked = true;
  if (due) pthread_cond_signal(&self->asked);
  bool is_fetched = self->is_asked || self->is_fetching;
  pthread_mutex_unlock(&self->lock);
  return is_fetched;
}

static ubiq_error *not_now(ubiq_error *cause) {
  ubiq_error_delete(cause);
  cause = ubiq_error_new(UBIQ_UNAVAILABLE, "the keys that tokens are signed with are being fetched; try again");
  return ubiq_error_with_detail(cause, 1); // seconds
}

static ubiq_error *check_by(const auth *self, const jwks *keys, text token, uint64_t now_s, buffer *identity) {
  size_t size = identity->size;
  ubiq_error *error = buffer_append_string(identity, "{\"kind\":\"token\",\"claims\":")
                          ? jwt_check(token, keys, &self->settings->policy, now_s, identity)
                          : ubiq_error_no_memory();
  if (error == NULL && !buffer_append_byte(identity, '}')) error = ubiq_error_no_memory();
  if (error != NULL) identity->size = size;
  return error;
}

static bool is_of_unknown_key(const ubiq_error *error) {
  return error != NULL && ubiq_error_detail(error) == JWT_UNKNOWN_KEY;
}

/// The key may be one that has just been put into the file.
static ubiq_error *check_by_file(auth *self, text token, uint64_t now_s, buffer *identity) {
  look_now_and_then(self);
  jwks *keys = hold_keys(self), *newer = NULL;
  ubiq_error *error = check_by(self, keys, token, now_s, identity);
  if (is_of_unknown_key(error)) {
    look(self);
    newer = hold_keys(self);
  }
  if (newer != NULL && newer != keys) {
    ubiq_error_delete(error);
    error = check_by(self, newer, token, now_s, identity);
  }
  jwks_delete(newer);
  jwks_delete(keys);
  return error;
}

static ubiq_error *check_token(auth *self, text token, uint64_t now_s, buffer *identity) {
  if (self->settings->keys == NULL) return ubiq_error_new(UBIQ_DENIED, "tokens do not count here; API keys do");
  if (self->has_file) return check_by_file(self, token, now_s, identity);
  jwks *keys = hold_keys(self);
  if (keys == NULL) {
    ask_for_keys(self);
    return not_now(NULL);
  }
  ubiq_error *error = check_by(self, keys, token, now_s, identity);
  jwks_delete(keys);
  return is_of_unknown_key(error) && ask_for_keys(self) ? not_now(error) : error;
}

/// All are compared, so that how long it takes tells nothing.
static const auth_api_key *find_api_key(const auth_settings *settings, text presented) {
  char digest[DIGEST_SHA256_HEX_SIZE];
  const auth_api_key *found = NULL;
  digest_sha256_hex(presented.data, presented.size, digest);
  for (size_t i = 0; i < settings->api_keys_count; i++)
    if (digest_equal(digest, settings->api_keys[i].digest, sizeof digest)) found = &settings->api_keys[i];
  return found;
}

static bool append_name(buffer *out, const char *name) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, root);
  bool good =
      yyjson_mut_obj_add_str(document, root, "kind", "api_key") && yyjson_mut_obj_add_str(document, root, "name", name);
  char *text = good ? yyjson_mut_write(document, YYJSON_WRITE_NOFLAG, NULL) : NULL;
  good = text != NULL && buffer_append_string(out, text);
  free(text);
  yyjson_mut_doc_free(document);
  return good;
}

static ubiq_error *check_api_key(const auth *self, text presented, buffer *identity) {
  const auth_api_key *found = find_api_key(self->settings, presented);
  if (found == NULL) return ubiq_error_new(UBIQ_DENIED, "the API key is not known");
  return append_name(identity, found->name) ? NULL : ubiq_error_no_memory();
}

ubiq_error *auth_check(auth *self, const auth_presented *presented, uint64_t now_s, buffer *identity) {
  if (presented->api_key.size > 0) return check_api_key(self, presented->api_key, identity);
  text rest = presented->authorization, scheme;
  if (rest.size == 0) return NULL;
  text_split(&rest, ' ', &scheme);
  if (!text_equal_ignoring_case(scheme, TEXT("bearer")) || rest.data == NULL)
    return ubiq_error_new(UBIQ_DENIED, "the header Authorization does not count; expected \"Bearer\" and a token");
  return check_token(self, text_trim(rest), now_s, identity);
}

void auth_api_key_new(char text[AUTH_KEY_SIZE], char hash[7 + DIGEST_SHA256_HEX_SIZE]) {
  uint8_t random[32];
  digest_random(random, sizeof random);
  memcpy(text, "ubk_", 4);
  text_hex(random, sizeof random, text + 4);
  memcpy(hash, "sha256:", 7);
  digest_sha256_hex(text, AUTH_KEY_SIZE - 1, hash + 7);
  digest_wipe(random, sizeof random);
}
