// A check goes through the list, which is short; functions that call each other are checked one after the other, and the first that may
// not is named.
#include "services/permissions/permissions.h"

#include "base/json_write.h"
#include "base/log.h"
#include "services/permissions/permission_rule.h"

#include <pthread.h>
#include <stdlib.h>

struct permission_set {
  arena arena;
  text owner;
  bool is_token; ///< the owner is no function
  atomic_uint owners;
  permission_rule *rules;
  size_t count;
  atomic_uint_least64_t denials;
  pthread_mutex_t mutex;                ///< guards `denied`
  char *denied[PERMISSIONS_DENIED_MAX]; ///< owned
};

// --------------------------------------------------------------------------------------------------------------- sets

static ubiq_error *add_rule(permission_set *self, text permission) {
  ubiq_error *error = permission_rule_make(permission, &self->arena, &self->rules[self->count]);
  if (error == NULL) self->count++;
  return error;
}

ubiq_error *permission_set_new(text owner, const text *list, size_t count, permission_set **out) {
  if (count > PERMISSIONS_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "there are %zu permissions; expected at most %d", count, PERMISSIONS_MAX);
  permission_set *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  arena_init(&self->arena);
  pthread_mutex_init(&self->mutex, NULL);
  atomic_init(&self->owners, 1);
  self->owner = (text){arena_string(&self->arena, owner.data, owner.size), owner.size};
  self->rules = arena_array(&self->arena, count, sizeof *self->rules);
  ubiq_error *error = self->owner.data == NULL || self->rules == NULL ? ubiq_error_no_memory() : NULL;
  for (size_t i = 0; error == NULL && i < count; i++) error = add_rule(self, list[i]);
  if (error != NULL)
    permission_set_delete(self);
  else
    *out = self;
  return error;
}

ubiq_error *permission_set_of_token(text owner, text lines, permission_set **out) {
  text list[PERMISSIONS_MAX], line;
  size_t count = 0;
  while (count < PERMISSIONS_MAX && text_split(&lines, '\n', &line))
    if (line.size > 0) list[count++] = line;
  ubiq_error *error = permission_set_new(owner, list, count, out);
  if (error == NULL) permission_set_mark_token(*out, true);
  return error;
}

void permission_set_delete(permission_set *self) {
  if (self == NULL || atomic_fetch_sub(&self->owners, 1) > 1) return;
  for (size_t i = 0; i < PERMISSIONS_DENIED_MAX; i++) free(self->denied[i]);
  pthread_mutex_destroy(&self->mutex);
  arena_free(&self->arena);
  free(self);
}

bool permission_set_is_shared(const permission_set *self) {
  return atomic_load(&self->owners) > 1;
}

text permission_set_owner(const permission_set *self) {
  return self->owner;
}

bool permission_set_is_token(const permission_set *self) {
  return self->is_token;
}

void permission_set_mark_token(permission_set *self, bool is_token) {
  self->is_token = is_token;
}

void permissions_hold(const permissions *self) {
  for (size_t i = 0; i < self->count; i++) atomic_fetch_add(&((permission_set *)(uintptr_t)self->sets[i])->owners, 1);
}

void permissions_let_go(permissions *self) {
  while (self->count > 0) permission_set_delete((permission_set *)(uintptr_t)self->sets[--self->count]);
}

size_t permission_set_count(const permission_set *self) {
  return self->count;
}

permission_use permission_set_use(const permission_set *self, size_t index) {
  const permission_rule *rule = &self->rules[index];
  return (permission_use){rule->whole, atomic_load_explicit(&rule->is_used, memory_order_relaxed)};
}

uint64_t permission_set_denials(const permission_set *self) {
  return atomic_load_explicit(&self->denials, memory_order_relaxed);
}

bool permission_set_denied(const permission_set *self, buffer *out) {
  pthread_mutex_t *mutex = (pthread_mutex_t *)&self->mutex;
  bool good = true;
  pthread_mutex_lock(mutex);
  for (size_t i = 0; good && i < PERMISSIONS_DENIED_MAX && self->denied[i] != NULL; i++)
    good = buffer_append_string(out, self->denied[i]) && buffer_append_byte(out, '\n');
  pthread_mutex_unlock(mutex);
  return good;
}

// ------------------------------------------------------------------------------------------------------------ denials

/// The permission that is missing.
static bool write_missing(buffer *out, const permission_ask *ask) {
  bool good = buffer_append(out, ask->service.data, ask->service.size) && buffer_append_byte(out, ':') &&
              buffer_append(out, ask->action.data, ask->action.size);
  if (!good || (ask->subject.size == 0 && !ask->is_prefix)) return good;
  return buffer_append_byte(out, ':') && buffer_append(out, ask->subject.data, ask->subject.size) &&
         (!ask->is_prefix || buffer_append_byte(out, '*'));
}

static bool write_for_shell(buffer *out, text words) {
  text part;
  bool good = buffer_append_byte(out, '\'');
  for (bool is_first = true; good && text_split(&words, '\'', &part); is_first = false)
    good = (is_first || buffer_append_string(out, "'\\''")) && buffer_append(out, part.data, part.size);
  return good && buffer_append_byte(out, '\'');
}

/// What would allow it: the end of a line to paste. Strings of ubiq.toml are escaped as JSON's are.
static bool write_remedy(const permission_set *self, text words, buffer *out) {
  return self->is_token ? write_for_shell(out, words) : json_write_text(out, words);
}

/// `words` as they may be shown, or with `self` what would allow them. NULL: memory is out. The caller's.
static char *show(const permission_set *self, text words) {
  buffer written = {0}, shown = {0};
  bool good = self == NULL || write_remedy(self, words, &written);
  if (self != NULL) words = (text){(const char *)written.data, written.size};
  char *string = good && text_escape(&shown, words) ? buffer_take_string(&shown) : NULL;
  buffer_free(&written);
  buffer_free(&shown);
  return string;
}

/// Keeps the words, unless they are there or there is no room.
static void remember(permission_set *self, const char *words) {
  pthread_mutex_lock(&self->mutex);
  size_t i = 0;
  while (i < PERMISSIONS_DENIED_MAX && self->denied[i] != NULL && strcmp(self->denied[i], words) != 0) i++;
  if (i < PERMISSIONS_DENIED_MAX && self->denied[i] == NULL) self->denied[i] = strdup(words);
  pthread_mutex_unlock(&self->mutex);
}

static ubiq_error *tell_denied(const permission_set *self, text words) {
  char *remedy = show(self, words);
  if (remedy == NULL) return ubiq_error_no_memory();
  const char *form = self->is_token
                         ? "%.*s may not do this; `ubiq token new --allow %s` makes one that may"
                         : "%.*s may not do this; its table in ubiq.toml would allow it by: permissions = [%s]";
  ubiq_error *error = ubiq_error_new(UBIQ_DENIED, form, (int)self->owner.size, self->owner.data, remedy);
  free(remedy);
  return error;
}

/// Who asks again and again is logged at the 1st, 2nd, 4th, 8th ... denial.
static void note_denied(permission_set *self, uint64_t count, const char *words) {
  remember(self, words);
  if ((count & (count - 1)) == 0)
    log_warn("%.*s was denied %s (%llu denials so far)", (int)self->owner.size, self->owner.data, words,
             (unsigned long long)count);
}

ubiq_error *permission_set_deny(const permission_set *set, const permission_ask *ask) {
  permission_set *self = (permission_set *)set;
  uint64_t count = atomic_fetch_add_explicit(&self->denials, 1, memory_order_relaxed) + 1;
  buffer written = {0};
  bool good = write_missing(&written, ask);
  const text words = {(const char *)written.data, written.size};
  char *shown = good ? show(NULL, words) : NULL;
  ubiq_error *error = shown == NULL ? ubiq_error_no_memory() : NULL;
  if (shown != NULL) note_denied(self, count, shown);
  if (error == NULL) error = tell_denied(self, words);
  free(shown);
  buffer_free(&written);
  return error;
}

// -------------------------------------------------------------------------------------------------------------- checks

ubiq_error *permission_check_form(text permission) {
  permission_rule rule;
  return permission_rule_parse(permission, &rule);
}

static permission_rule *find_rule(const permission_set *self, const permission_ask *ask) {
  for (size_t i = 0; i < self->count; i++)
    if (permission_rule_allows(&self->rules[i], ask)) return &self->rules[i];
  return NULL;
}

bool permission_set_covers(const permission_set *self, text permission) {
  char buffer[PERMISSION_BYTES_MAX + 2];
  permission_rule asked;
  ubiq_error *error = permission_rule_parse(permission, &asked);
  ubiq_error_delete(error);
  if (error != NULL) return false;
  const permission_ask ask = permission_rule_as_ask(&asked, buffer);
  return find_rule(self, &ask) != NULL;
}

bool permissions_join(permissions *self, const permission_set *set) {
  for (size_t i = 0; i < self->count; i++)
    if (self->sets[i] == set) return true;
  if (self->count == PERMISSIONS_SETS_MAX) return false;
  self->sets[self->count++] = set;
  return true;
}

static ubiq_error *check_set(const permission_set *set, const permission_ask *ask) {
  permission_rule *rule = find_rule(set, ask);
  if (rule == NULL) return permission_set_deny(set, ask);
  // Written once: a line that several workers read stays shared by them.
  if (!atomic_load_explicit(&rule->is_used, memory_order_relaxed))
    atomic_store_explicit(&rule->is_used, true, memory_order_relaxed);
  return NULL;
}

ubiq_error *permissions_check(const permissions *self, const permission_ask *ask) {
  if (text_equal(ask->service, TEXT("log"))) return NULL;
  if (self->count == 0) return ubiq_error_new(UBIQ_DENIED, "nothing is allowed here but the log");
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < self->count; i++) error = check_set(self->sets[i], ask);
  return error;
}

static bool names_host(const permission_set *self, const permission_ask *ask) {
  for (size_t i = 0; i < self->count; i++)
    if (permission_rule_names_host(&self->rules[i]) && permission_rule_allows(&self->rules[i], ask)) return true;
  return false;
}

bool permissions_name_host(const permissions *self, const permission_ask *ask) {
  for (size_t i = 0; i < self->count; i++)
    if (!names_host(self->sets[i], ask)) return false;
  return self->count > 0;
}

ubiq_error *permissions_deny_host(const permissions *self, const permission_ask *ask) {
  for (size_t i = 0; i < self->count; i++)
    if (!names_host(self->sets[i], ask)) return permission_set_deny(self->sets[i], ask);
  return NULL;
}
