// One row for each limit.
#include "runtime/release_ceiling.h"

#include <stddef.h>

typedef struct ceiling_row {
  size_t offset; ///< in `limits`
  const char *key, *option, *unit;
} ceiling_row;

static const ceiling_row rows[] = {
    {offsetof(limits, wall_ms), "timeout", "timeout-max", " ms"},
    {offsetof(limits, cpu_ms), "cpu", "cpu-max", " ms"},
    {offsetof(limits, memory_bytes), "memory", "memory-max", " bytes"},
    {offsetof(limits, body_bytes_max), "body_max", "body-max", " bytes"},
    {offsetof(limits, response_bytes_max), "response_max", "response-max", " bytes"},
};

static uint64_t field_of(const limits *limits, size_t offset) {
  return *(const uint64_t *)(const void *)((const char *)limits + offset);
}

ubiq_error *release_check_ceiling(const char *name, const project_function *function, const limits *ceiling) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t asked = field_of(&function->limits, rows[i].offset), most = field_of(ceiling, rows[i].offset);
    if (most == 0 || asked <= most) continue;
    return ubiq_error_new(UBIQ_DENIED, "%s: %s asks for a %s of %llu%s; at most %llu%s are granted (--%s)", name,
                          function->name, rows[i].key, (unsigned long long)asked, rows[i].unit,
                          (unsigned long long)most, rows[i].unit, rows[i].option);
  }
  return NULL;
}

ubiq_error *release_check_permissions(const char *name, const project_function *function,
                                      const permission_set *granted) {
  for (size_t i = 0; granted != NULL && i < function->permissions_count; i++) {
    text asked = function->permissions[i];
    if (permission_set_covers(granted, asked)) continue;
    return ubiq_error_new(UBIQ_DENIED, "%s: %s asks for the permission %.*s, which is not granted (--allow '%.*s')",
                          name, function->name, (int)asked.size, asked.data, (int)asked.size, asked.data);
  }
  return NULL;
}
