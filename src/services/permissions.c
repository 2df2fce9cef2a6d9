// Each permission is split once. A check goes through the list, which is short; functions that call each other are checked
// one after the other, and the first that may not is named.
#include "services/permissions.h"

#include "base/arena.h"
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct rule {
  text whole;           ///< as it was written
  text service, action; ///< "*": any
  text pattern;         ///< of http: the host
  text path;            ///< of http; data NULL: any
  atomic_bool is_used;
} rule;

struct permission_set {
  arena arena;
  text owner;
  bool is_token; ///< the owner is no function
  atomic_uint owners;
  rule *rules;
  size_t count;
  atomic_uint_least64_t denials;
  pthread_mutex_t mutex;                ///< guards `denied`
  char *denied[PERMISSIONS_DENIED_MAX]; ///< owned
};

// -------------------------------------------------------------------------------------------------------- the grammar

typedef struct known_service {
  const char *name;
  const char *actions[8]; ///< ended by NULL; none: any word
} known_service;

static const known_service known[] = {
    {"cache", {"read", "write"}},
    {"config", {"read"}},
    {"events", {"publish", "manage"}},
    {"functions", {"call", "list", "runs"}},
    {"http", {NULL}},
    {"kv", {"read", "write", "list"}},
    {"log", {"write"}},
    {"schedules", {"read", "write"}},
    {"secrets", {"read", "list", "write"}},
    {"storage", {"read", "write", "list"}},
};
enum { KNOWN = sizeof known / sizeof known[0] };

#define FORM "expected service:action:pattern, such as \"kv:read:user:*\""

static bool is_any(text value) {
  return text_equal(value, TEXT("*"));
}

static bool is_word(text value) {
  for (size_t i = 0; i < value.size; i++)
    if (value.data[i] < 'a' || value.data[i] > 'z') return false;
  return value.size > 0;
}

static const known_service *find_service(text name) {
  for (size_t i = 0; i < KNOWN; i++)
    if (text_equal_string(name, known[i].name)) return &known[i];
  return NULL;
}

static bool has_action(const known_service *service, text action) {
  if (service->actions[0] == NULL) return true;
  for (size_t i = 0; service->actions[i] != NULL; i++)
    if (text_equal_string(action, service->actions[i])) return true;
  return false;
}

static ubiq_error *unknown(text permission, const char *what, text word, const char *const *names, size_t count) {
  const char *nearest = text_nearest(word, names, count);
  return ubiq_error_new(UBIQ_INVALID_INPUT, "\"%.*s\" names an unknown %s \"%.*s\"%s%s%s", (int)permission.size,
                        permission.data, what, (int)word.size, word.data, nearest == NULL ? "" : "; did you mean \"",
                        nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
}

static ubiq_error *check_words(text permission, text service, text action) {
  const known_service *found = find_service(service);
  if (found == NULL) {
    const char *names[KNOWN];
    for (size_t i = 0; i < KNOWN; i++) names[i] = known[i].name;
    return unknown(permission, "service", service, names, KNOWN);
  }
  if (is_any(action) || has_action(found, action)) return NULL;
  size_t count = 0;
  while (found->actions[count] != NULL) count++;
  return unknown(permission, "action", action, found->actions, count);
}

/// Splits a permission; nothing is copied.
static ubiq_error *parse(text permission, rule *out) {
  *out = (rule){.whole = permission, .service = permission, .action = TEXT("*"), .pattern = TEXT("*")};
  if (permission.size > PERMISSION_BYTES_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "a permission has %zu bytes; expected at most %d", permission.size,
                          PERMISSION_BYTES_MAX);
  if (!text_utf8_valid(permission.data, permission.size) ||
      (permission.size > 0 && memchr(permission.data, '\0', permission.size) != NULL))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "a permission is no text; " FORM);
  if (is_any(permission)) return NULL;
  text rest = permission;
  bool is_whole = text_split(&rest, ':', &out->service) && text_split(&rest, ':', &out->action);
  if (!is_whole || !is_word(out->service) || (!is_word(out->action) && !is_any(out->action)))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "\"%.*s\" is no permission; " FORM, (int)permission.size,
                          permission.data);
  if (rest.data != NULL) out->pattern = rest;
  if (rest.data != NULL && rest.size == 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "\"%.*s\" ends with a colon; " FORM, (int)permission.size,
                          permission.data);
  return check_words(permission, out->service, out->action);
}

ubiq_error *permission_check_form(text permission) {
  rule rule;
  return parse(permission, &rule);
}

// ----------------------------------------------------------------------------------------------------------- matching

/// A text with, perhaps, an asterisk behind it, which only an asterisk of a pattern matches.
typedef struct subject {
  text text;
  bool is_prefix;
} subject;

static size_t subject_size(const subject *self) {
  return self->text.size + self->is_prefix;
}

static char subject_at(const subject *self, size_t index) {
  return index < self->text.size ? self->text.data[index] : '*';
}

/// Only the last `*` is ever gone back to: what the ones before it took need not change.
static bool matches(text pattern, const subject *subject) {
  size_t at = 0, size = subject_size(subject), i = 0, star = SIZE_MAX, star_at = 0;
  while (at < size) {
    if (i < pattern.size && pattern.data[i] == '*') {
      star = i++;
      star_at = at;
    } else if (i < pattern.size && pattern.data[i] == subject_at(subject, at)) {
      i++;
      at++;
    } else if (star != SIZE_MAX) {
      i = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  while (i < pattern.size && pattern.data[i] == '*') i++;
  return i == pattern.size;
}

static text before_slash(text value, text *rest) {
  const char *slash = value.size == 0 ? NULL : memchr(value.data, '/', value.size);
  if (slash == NULL) {
    *rest = (text){NULL, 0};
    return value;
  }
  size_t size = (size_t)(slash - value.data);
  *rest = (text){slash, value.size - size};
  return (text){value.data, size};
}

static bool matches_http(const rule *rule, text value) {
  text path, host = before_slash(value, &path);
  if (!matches(rule->pattern, &(subject){host, false})) return false;
  return rule->path.data == NULL || matches(rule->path, &(subject){path, false});
}

static bool allows(const rule *rule, const permission_ask *ask) {
  if (is_any(rule->whole)) return true;
  if (!text_equal(rule->service, ask->service)) return false;
  if (!is_any(rule->action) && !text_equal(rule->action, ask->action)) return false;
  if (text_equal(rule->service, TEXT("http"))) return matches_http(rule, ask->subject);
  return matches(rule->pattern, &(subject){ask->subject, ask->is_prefix});
}

static rule *find_rule(const permission_set *self, const permission_ask *ask) {
  for (size_t i = 0; i < self->count; i++)
    if (allows(&self->rules[i], ask)) return &self->rules[i];
  return NULL;
}

static void lower_case(char *data, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (data[i] >= 'A' && data[i] <= 'Z') data[i] |= 0x20;
}

/// A pattern of http as a subject: the host in lower case, with all paths where it says none.
static text http_pattern(text pattern, char out[PERMISSION_BYTES_MAX + 2]) {
  text path, host = before_slash(pattern, &path);
  if (path.data == NULL) path = TEXT("/*");
  memcpy(out, host.data, host.size);
  lower_case(out, host.size);
  memcpy(out + host.size, path.data, path.size);
  return (text){out, host.size + path.size};
}

bool permission_set_covers(const permission_set *self, text permission) {
  char copy[PERMISSION_BYTES_MAX + 2];
  rule asked;
  ubiq_error *error = parse(permission, &asked);
  ubiq_error_delete(error);
  if (error != NULL) return false;
  if (text_equal(asked.service, TEXT("http"))) asked.pattern = http_pattern(asked.pattern, copy);
  // The asterisks of what is asked for are taken as they are: only those of the set match them.
  return find_rule(self, &(permission_ask){asked.service, asked.action, asked.pattern, false}) != NULL;
}

// --------------------------------------------------------------------------------------------------------------- sets

/// A copy of a pattern, and of http its host in lower case apart from its path.
static bool copy_pattern(arena *arena, rule *rule) {
  char *copy = arena_string(arena, rule->pattern.data, rule->pattern.size);
  if (copy == NULL) return false;
  rule->pattern.data = copy;
  if (!text_equal(rule->service, TEXT("http"))) return true;
  rule->pattern = before_slash(rule->pattern, &rule->path);
  lower_case(copy, rule->pattern.size);
  return true;
}

static ubiq_error *add_rule(permission_set *self, text permission) {
  rule *rule = &self->rules[self->count];
  char *copy = arena_string(&self->arena, permission.data, permission.size);
  if (copy == NULL) return ubiq_error_no_memory();
  ubiq_error *error = parse((text){copy, permission.size}, rule);
  if (error != NULL) return error;
  self->count++;
  return copy_pattern(&self->arena, rule) ? NULL : ubiq_error_no_memory();
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
  const rule *rule = &self->rules[index];
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

/// The permission that is missing, as it is written in ubiq.toml. NULL: memory is out. The caller's.
static char *missing(const permission_ask *ask) {
  buffer words = {0};
  bool good = buffer_append(&words, ask->service.data, ask->service.size) && buffer_append_byte(&words, ':') &&
              buffer_append(&words, ask->action.data, ask->action.size);
  if (good && (ask->subject.size > 0 || ask->is_prefix))
    good = buffer_append_byte(&words, ':') && text_escape(&words, ask->subject) &&
           (!ask->is_prefix || buffer_append_byte(&words, '*'));
  char *string = good ? buffer_take_string(&words) : NULL;
  buffer_free(&words);
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

static ubiq_error *tell_denied(const permission_set *self, const char *words) {
  if (self->is_token)
    return ubiq_error_new(UBIQ_DENIED, "%.*s may not do this; `ubiq token new --allow '%s'` makes one that may",
                          (int)self->owner.size, self->owner.data, words);
  return ubiq_error_new(UBIQ_DENIED,
                        "%.*s may not do this; its table in ubiq.toml would allow it by: permissions = [\"%s\"]",
                        (int)self->owner.size, self->owner.data, words);
}

/// Who asks again and again is logged at the 1st, 2nd, 4th, 8th ... denial.
ubiq_error *permission_set_deny(const permission_set *set, const permission_ask *ask) {
  permission_set *self = (permission_set *)set;
  uint64_t count = atomic_fetch_add_explicit(&self->denials, 1, memory_order_relaxed) + 1;
  char *words = missing(ask);
  if (words == NULL) return ubiq_error_no_memory();
  remember(self, words);
  if ((count & (count - 1)) == 0)
    log_warn("%.*s was denied %s (%llu denials so far)", (int)self->owner.size, self->owner.data, words,
             (unsigned long long)count);
  ubiq_error *error = tell_denied(self, words);
  free(words);
  return error;
}

bool permissions_join(permissions *self, const permission_set *set) {
  for (size_t i = 0; i < self->count; i++)
    if (self->sets[i] == set) return true;
  if (self->count == PERMISSIONS_SETS_MAX) return false;
  self->sets[self->count++] = set;
  return true;
}

static ubiq_error *check_set(const permission_set *set, const permission_ask *ask) {
  rule *rule = find_rule(set, ask);
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

// --------------------------------------------------------------------------------------------------------------- http

static bool names_host(const permission_set *self, const permission_ask *ask) {
  for (size_t i = 0; i < self->count; i++) {
    const rule *rule = &self->rules[i];
    bool is_named = !is_any(rule->whole) && memchr(rule->pattern.data, '*', rule->pattern.size) == NULL;
    if (is_named && allows(rule, ask)) return true;
  }
  return false;
}

bool permissions_name_host(const permissions *self, const permission_ask *ask) {
  for (size_t i = 0; i < self->count; i++)
    if (!names_host(self->sets[i], ask)) return false;
  return self->count > 0;
}

static bool is_unreserved(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

/// Appends a segment with needless escapes undone and the others in capitals (RFC 3986, section 6.2.2).
static bool append_segment(buffer *out, text segment) {
  bool good = true;
  for (size_t i = 0; good && i < segment.size; i++) {
    int byte = text_percent_byte((text){segment.data + i, segment.size - i});
    if (byte < 0) {
      good = buffer_append_byte(out, (uint8_t)segment.data[i]);
      continue;
    }
    good = is_unreserved(byte) ? buffer_append_byte(out, (uint8_t)byte) : buffer_printf(out, "%%%02X", (unsigned)byte);
    i += 2;
  }
  return good;
}

/// Takes the last segment back, which began at a slash not before `start`.
static void drop_segment(buffer *out, size_t start) {
  while (out->size > start && out->data[out->size - 1] != '/') out->size--;
  if (out->size > start) out->size--;
}

static bool append_path(buffer *out, text path) {
  size_t start = out->size;
  text rest = path, segment;
  text_split(&rest, '/', &segment); // what stands before the first slash: nothing
  bool good = true;
  while (good && text_split(&rest, '/', &segment)) {
    size_t at = out->size;
    good = buffer_append_byte(out, '/') && append_segment(out, segment);
    text said = {(const char *)out->data + at + 1, out->size - at - 1};
    bool is_dot = text_equal(said, TEXT(".")), is_up = text_equal(said, TEXT(".."));
    if (!good || (!is_dot && !is_up)) continue;
    out->size = at;
    if (is_up) drop_segment(out, start);
    if (rest.data == NULL) good = buffer_append_byte(out, '/');
  }
  return good && (out->size > start || buffer_append_byte(out, '/'));
}

bool permission_http_subject(buffer *out, text host, uint16_t port, uint16_t default_port, text path) {
  if (host.size > 0 && host.data[host.size - 1] == '.') host.size--;
  bool good = true;
  for (size_t i = 0; good && i < host.size; i++) {
    char c = host.data[i];
    good = buffer_append_byte(out, (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c));
  }
  if (good && port != default_port) good = buffer_printf(out, ":%u", (unsigned)port);
  return good && append_path(out, path);
}
