// A list: there are few tokens, and of those that may do everything none is in it.
#include "server/admin/admin_tokens.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/// A set and whose it is. Never changes.
typedef struct entry {
  struct entry *next;
  char id[ACCESS_TOKEN_ID_SIZE];
  char *lines; ///< owned; what the set was made of: a token that was revoked and one of the same id are two
  permission_set *set;
} entry;

struct admin_tokens {
  pthread_mutex_t mutex; ///< guards `entries`
  entry *entries;        ///< owned
  atomic_uint_least64_t denials;
};

/// What GET answers: of secrets the names.
static const char looks[] = "cache:read\nconfig:read\nevents:manage\nfunctions:list\nfunctions:runs\nkv:read\nkv:list\n"
                            "schedules:read\nsecrets:list\nstorage:read\nstorage:list";

ubiq_error *admin_tokens_new(admin_tokens **out) {
  admin_tokens *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  pthread_mutex_init(&self->mutex, NULL);
  *out = self;
  return NULL;
}

static void entry_delete(entry *self) {
  permission_set_delete(self->set);
  free(self->lines);
  free(self);
}

void admin_tokens_delete(admin_tokens *self) {
  if (self == NULL) return;
  for (entry *at = self->entries, *next; at != NULL; at = next) {
    next = at->next;
    entry_delete(at);
  }
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

static ubiq_error *entry_new(const char *id, const char *lines, entry **out) {
  char owner[sizeof "the token " + ACCESS_TOKEN_ID_SIZE];
  entry *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  snprintf(self->id, sizeof self->id, "%s", id);
  snprintf(owner, sizeof owner, "the token %s", id);
  self->lines = strdup(lines);
  ubiq_error *error = self->lines == NULL ? ubiq_error_no_memory()
                                          : permission_set_of_token(text_of(owner), text_of(self->lines), &self->set);
  if (error == NULL)
    *out = self;
  else
    entry_delete(self);
  return error;
}

static entry *find(const admin_tokens *self, const char *id, const char *lines) {
  entry *at = self->entries;
  while (at != NULL && (strcmp(at->id, id) != 0 || strcmp(at->lines, lines) != 0)) at = at->next;
  return at;
}

static ubiq_error *find_or_make(admin_tokens *self, const char *id, const char *lines, const permission_set **out) {
  entry *found = find(self, id, lines);
  if (found == NULL) {
    ubiq_error *error = entry_new(id, lines, &found);
    if (error != NULL) return error;
    found->next = self->entries;
    self->entries = found;
  }
  *out = found->set;
  return NULL;
}

ubiq_error *admin_tokens_permissions(admin_tokens *self, const access_token *who, bool is_nothing,
                                     const permission_set **out) {
  const char *lines = is_nothing ? "" : who->allowed != NULL ? who->allowed : who->may_change ? NULL : looks;
  *out = NULL;
  if (lines == NULL) return NULL;
  pthread_mutex_lock(&self->mutex);
  ubiq_error *error = find_or_make(self, who->id, lines, out);
  pthread_mutex_unlock(&self->mutex);
  return error;
}

void admin_tokens_count_denial(admin_tokens *self) {
  atomic_fetch_add_explicit(&self->denials, 1, memory_order_relaxed);
}

uint64_t admin_tokens_denials(const admin_tokens *self) {
  pthread_mutex_t *mutex = (pthread_mutex_t *)&self->mutex;
  uint64_t sum = atomic_load_explicit(&self->denials, memory_order_relaxed);
  pthread_mutex_lock(mutex);
  for (const entry *at = self->entries; at != NULL; at = at->next) sum += permission_set_denials(at->set);
  pthread_mutex_unlock(mutex);
  return sum;
}
