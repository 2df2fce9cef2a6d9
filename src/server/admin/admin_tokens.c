// Lists: there are few tokens, and of those that may do everything none is in them.
#include "server/admin/admin_tokens.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/// A set and whose it is. Never changes but for what the set counts.
typedef struct entry {
  struct entry *next;
  char id[ACCESS_TOKEN_ID_SIZE];
  char *lines;         ///< owned; what the set was made of: a token that was revoked and one of the same id are two
  permission_set *set; ///< a share
} entry;

struct admin_tokens {
  pthread_mutex_t mutex; ///< guards what follows
  entry *entries;        ///< owned
  entry *left;           ///< owned; of tokens that are no more, which others still have a share of: their denials count
  atomic_uint_least64_t denials; ///< of sets that are no more, and of nobody's
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

static void entries_delete(entry *list) {
  for (entry *at = list, *next; at != NULL; at = next) {
    next = at->next;
    entry_delete(at);
  }
}

void admin_tokens_delete(admin_tokens *self) {
  if (self == NULL) return;
  entries_delete(self->entries);
  entries_delete(self->left);
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

/// What a token's set is made of; NULL: it may everything.
static const char *lines_of(const access_token *token) {
  return token->allowed != NULL ? token->allowed : token->may_change ? NULL : looks;
}

static entry *find(const admin_tokens *self, const char *id, const char *lines) {
  entry *at = self->entries;
  while (at != NULL && (strcmp(at->id, id) != 0 || strcmp(at->lines, lines) != 0)) at = at->next;
  return at;
}

static void put(entry **list, entry *entry) {
  entry->next = *list;
  *list = entry;
}

// ----------------------------------------------------------------------------------------------- tokens that are no more

/// All tokens that there are.
typedef struct known {
  access_token *tokens;
  size_t count;
  uint64_t now_ms;
} known;

static bool is_of(const entry *self, const access_token *token, uint64_t now_ms) {
  const char *lines = lines_of(token);
  if (strcmp(self->id, token->id) != 0 || (token->expires_ms != 0 && token->expires_ms <= now_ms)) return false;
  return self->lines[0] == '\0' || (lines != NULL && strcmp(self->lines, lines) == 0);
}

static bool is_known(const entry *self, const known *known) {
  for (size_t i = 0; i < known->count; i++)
    if (is_of(self, &known->tokens[i], known->now_ms)) return true;
  return false;
}

/// Nobody gets a share of these any more.
static void leave_unknown(admin_tokens *self, const known *known) {
  for (entry **place = &self->entries, *at; (at = *place) != NULL;) {
    if (is_known(at, known)) {
      place = &at->next;
      continue;
    }
    *place = at->next;
    put(&self->left, at);
  }
}

static void end_unshared(admin_tokens *self) {
  for (entry **place = &self->left, *at; (at = *place) != NULL;) {
    if (permission_set_is_shared(at->set)) {
      place = &at->next;
      continue;
    }
    *place = at->next;
    atomic_fetch_add_explicit(&self->denials, permission_set_denials(at->set), memory_order_relaxed);
    entry_delete(at);
  }
}

// ------------------------------------------------------------------------------------------------------------ asking

static void give_share(const entry *entry, permissions *out) {
  permissions_join(out, entry->set);
  permissions_hold(out);
}

static bool find_share(admin_tokens *self, const char *id, const char *lines, permissions *out) {
  pthread_mutex_lock(&self->mutex);
  const entry *found = find(self, id, lines);
  if (found != NULL) give_share(found, out);
  pthread_mutex_unlock(&self->mutex);
  return found != NULL;
}

/// Whoever came first with the same has made it.
static void take_in(admin_tokens *self, entry *made, const known *known, permissions *out) {
  pthread_mutex_lock(&self->mutex);
  leave_unknown(self, known); // before the new one is there: its token may be younger than the list
  end_unshared(self);
  const entry *found = find(self, made->id, made->lines);
  if (found == NULL) put(&self->entries, made);
  give_share(found == NULL ? made : found, out);
  pthread_mutex_unlock(&self->mutex);
  if (found != NULL) entry_delete(made);
}

/// The list is read without the lock, which who looks at metrics waits for.
static ubiq_error *make_share(admin_tokens *self, database *database, const char *id, const char *lines,
                              permissions *out) {
  known known = {.now_ms = clock_realtime_ns() / CLOCK_NS_PER_MS};
  entry *made = NULL;
  ubiq_error *error = access_token_list(database, &known.tokens, &known.count);
  if (error == NULL) error = entry_new(id, lines, &made);
  if (error == NULL) take_in(self, made, &known, out);
  access_token_list_delete(known.tokens, known.count);
  return error;
}

ubiq_error *admin_tokens_permissions(admin_tokens *self, database *database, const access_token *who, bool is_nothing,
                                     permissions *out) {
  const char *lines = is_nothing ? "" : lines_of(who);
  if (lines == NULL || find_share(self, who->id, lines, out)) return NULL;
  return make_share(self, database, who->id, lines, out);
}

// ------------------------------------------------------------------------------------------------------------ counting

void admin_tokens_count_denial(admin_tokens *self) {
  atomic_fetch_add_explicit(&self->denials, 1, memory_order_relaxed);
}

static uint64_t denials_of(const entry *list) {
  uint64_t sum = 0;
  for (const entry *at = list; at != NULL; at = at->next) sum += permission_set_denials(at->set);
  return sum;
}

uint64_t admin_tokens_denials(const admin_tokens *self) {
  pthread_mutex_t *mutex = (pthread_mutex_t *)&self->mutex;
  pthread_mutex_lock(mutex);
  uint64_t sum =
      denials_of(self->entries) + denials_of(self->left) + atomic_load_explicit(&self->denials, memory_order_relaxed);
  pthread_mutex_unlock(mutex);
  return sum;
}

static size_t count_of(const entry *list) {
  size_t count = 0;
  for (const entry *at = list; at != NULL; at = at->next) count++;
  return count;
}

size_t admin_tokens_sets(const admin_tokens *self) {
  pthread_mutex_t *mutex = (pthread_mutex_t *)&self->mutex;
  pthread_mutex_lock(mutex);
  size_t count = count_of(self->entries) + count_of(self->left);
  pthread_mutex_unlock(mutex);
  return count;
}
