// One row for each limit.
#include "runtime/release/release_ceiling.h"

#include <stddef.h>
#include <stdio.h>

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

static ubiq_error *deny_deployer(const char *name, const char *owner, text asked) {
  return ubiq_error_new(UBIQ_DENIED,
                        "%s: %s asks for the permission %.*s, which the token may not grant "
                        "(`ubiq token new --grant '%.*s'` makes one that may)",
                        name, owner, (int)asked.size, asked.data, (int)asked.size, asked.data);
}

/// A host is reached with every method, or with one; what stands in `allowed_hosts` has the asterisks of permissions.
ubiq_error *release_check_deployer_host(const char *name, const char *owner, const char *host,
                                        const permission_set *granted) {
  char asked[PERMISSION_BYTES_MAX + 1];
  if (granted == NULL) return NULL;
  int size = snprintf(asked, sizeof asked, "http:*:%s", host);
  bool is_whole = size > 0 && (size_t)size < sizeof asked;
  if (is_whole && permission_set_covers(granted, text_of(asked))) return NULL;
  return deny_deployer(name, owner, text_of(asked));
}

ubiq_error *release_check_deployer(const char *name, const project_function *function, const permission_set *granted) {
  if (granted == NULL) return NULL;
  for (size_t i = 0; i < function->permissions_count; i++)
    if (!permission_set_covers(granted, function->permissions[i]))
      return deny_deployer(name, function->name, function->permissions[i]);
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < function->allowed_hosts_count; i++)
    error = release_check_deployer_host(name, function->name, function->allowed_hosts[i], granted);
  return error;
}

ubiq_error *release_check_project(const project *project, const permission_set *granted) {
  ubiq_error *error = NULL;
  if (project->auth != NULL && project->auth->key_host != NULL)
    error = release_check_deployer_host(project->name, "[auth]", project->auth->key_host, granted);
  for (size_t i = 0; error == NULL && i < project->functions_count; i++)
    error = release_check_deployer(project->name, &project->functions[i], granted);
  return error;
}
