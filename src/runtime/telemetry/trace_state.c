// Members are views of the header until the list is written.
#include "runtime/telemetry/trace_state.h"

enum { KEY_BYTES_MAX = 256, TENANT_BYTES_MAX = 241, SYSTEM_BYTES_MAX = 14, VALUE_BYTES_MAX = 256 };

typedef struct member {
  text whole, key;
} member;

typedef struct members {
  member list[TRACE_STATE_MEMBERS_MAX];
  size_t count;
  size_t size; ///< bytes of all, with a comma after each
} members;

// --------------------------------------------------------------------------------------------------------- reading

static bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_name(text name, size_t bytes_max, bool may_begin_with_digit) {
  if (name.size == 0 || name.size > bytes_max) return false;
  if (!is_lower(name.data[0]) && !(may_begin_with_digit && is_digit(name.data[0]))) return false;
  for (size_t i = 1; i < name.size; i++)
    if (!is_lower(name.data[i]) && !is_digit(name.data[i]) && memchr("_-*/", name.data[i], 4) == NULL) return false;
  return true;
}

/// `name`, or `tenant@system`.
static bool is_key(text key) {
  const char *at = key.size == 0 ? NULL : memchr(key.data, '@', key.size);
  if (at == NULL) return is_name(key, KEY_BYTES_MAX, false);
  const text tenant = {key.data, (size_t)(at - key.data)};
  const text system = {at + 1, key.size - tenant.size - 1};
  return is_name(tenant, TENANT_BYTES_MAX, true) && is_name(system, SYSTEM_BYTES_MAX, false);
}

/// Printable ASCII; the blanks at its end are gone already.
static bool is_value(text value) {
  if (value.size == 0 || value.size > VALUE_BYTES_MAX) return false;
  for (size_t i = 0; i < value.size; i++)
    if (value.data[i] < 0x20 || value.data[i] > 0x7e || value.data[i] == '=') return false;
  return true;
}

static bool has_key(const members *self, text key) {
  for (size_t i = 0; i < self->count; i++)
    if (text_equal(self->list[i].key, key)) return true;
  return false;
}

static bool add(members *self, text whole) {
  text rest = whole, key;
  if (self->count == TRACE_STATE_MEMBERS_MAX || !text_split(&rest, '=', &key) || rest.data == NULL) return false;
  if (!is_key(key) || !is_value(rest) || has_key(self, key)) return false;
  self->list[self->count++] = (member){whole, key};
  self->size += whole.size + 1;
  return true;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

static text trim(text part) {
  for (; part.size > 0 && is_blank(part.data[0]); part.size--) part.data++;
  while (part.size > 0 && is_blank(part.data[part.size - 1])) part.size--;
  return part;
}

static bool read(text header, members *out) {
  text part;
  *out = (members){.count = 0};
  while (text_split(&header, ',', &part)) {
    const text whole = trim(part);
    if (whole.size > 0 && !add(out, whole)) return false;
  }
  return true;
}

// --------------------------------------------------------------------------------------------------------- writing

static void leave_out(members *self, size_t index) {
  self->size -= self->list[index].whole.size + 1;
  self->count--;
  memmove(&self->list[index], &self->list[index + 1], (self->count - index) * sizeof self->list[0]);
}

static void shorten(members *self) {
  for (size_t i = self->count; i > 0 && self->size > TRACE_STATE_SIZE; i--)
    if (self->list[i - 1].whole.size > TRACE_STATE_MEMBER_LARGE) leave_out(self, i - 1);
  while (self->size > TRACE_STATE_SIZE) leave_out(self, self->count - 1);
}

size_t trace_state_read(text header, char out[TRACE_STATE_SIZE]) {
  members members;
  size_t size = 0;
  out[0] = '\0';
  if (!read(header, &members)) return 0;
  shorten(&members);
  for (size_t i = 0; i < members.count; i++) {
    const text whole = members.list[i].whole;
    memcpy(out + size, whole.data, whole.size);
    size += whole.size;
    out[size++] = ',';
  }
  if (size == 0) return 0;
  out[--size] = '\0';
  return size;
}
