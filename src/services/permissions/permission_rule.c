// Each permission is split once, and matched by its parts.
#include "services/permissions/permission_rule.h"

#include <string.h>

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

ubiq_error *permission_rule_parse(text permission, permission_rule *out) {
  *out = (permission_rule){.whole = permission, .service = permission, .action = TEXT("*"), .pattern = TEXT("*")};
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

static bool matches_http(const permission_rule *rule, text value) {
  text path, host = before_slash(value, &path);
  if (!matches(rule->pattern, &(subject){host, false})) return false;
  return rule->path.data == NULL || matches(rule->path, &(subject){path, false});
}

bool permission_rule_allows(const permission_rule *self, const permission_ask *ask) {
  if (is_any(self->whole)) return true;
  if (!text_equal(self->service, ask->service)) return false;
  if (!is_any(self->action) && !text_equal(self->action, ask->action)) return false;
  if (text_equal(self->service, TEXT("http"))) return matches_http(self, ask->subject);
  return matches(self->pattern, &(subject){ask->subject, ask->is_prefix});
}

bool permission_rule_names_host(const permission_rule *self) {
  return !is_any(self->whole) && memchr(self->pattern.data, '*', self->pattern.size) == NULL;
}

// ------------------------------------------------------------------------------------------------------------- making

static void lower_case(char *data, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (data[i] >= 'A' && data[i] <= 'Z') data[i] |= 0x20;
}

/// A copy of a pattern, and of http its host in lower case apart from its path.
static bool copy_pattern(arena *arena, permission_rule *rule) {
  char *copy = arena_string(arena, rule->pattern.data, rule->pattern.size);
  if (copy == NULL) return false;
  rule->pattern.data = copy;
  if (!text_equal(rule->service, TEXT("http"))) return true;
  rule->pattern = before_slash(rule->pattern, &rule->path);
  lower_case(copy, rule->pattern.size);
  return true;
}

ubiq_error *permission_rule_make(text permission, arena *arena, permission_rule *out) {
  char *copy = arena_string(arena, permission.data, permission.size);
  if (copy == NULL) return ubiq_error_no_memory();
  ubiq_error *error = permission_rule_parse((text){copy, permission.size}, out);
  if (error != NULL) return error;
  return copy_pattern(arena, out) ? NULL : ubiq_error_no_memory();
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

permission_ask permission_rule_as_ask(const permission_rule *self, char buffer[PERMISSION_BYTES_MAX + 2]) {
  bool is_http = text_equal(self->service, TEXT("http"));
  return (permission_ask){self->service, self->action, is_http ? http_pattern(self->pattern, buffer) : self->pattern,
                          false};
}
