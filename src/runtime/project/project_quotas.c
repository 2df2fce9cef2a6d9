// One row for each quota.
#include "runtime/project/project_quotas.h"

#include "base/json_table.h"
#include "base/json_units.h"

#define LARGE (UINT64_C(1) << 50) ///< bytes, or keys: no disk has as many

const project_quota project_quotas[PROJECT_QUOTAS] = {
    {"kv", offsetof(quotas, kv_bytes), true, true, LARGE, "kv-max"},
    {"kv_keys", offsetof(quotas, kv_keys), false, true, LARGE, "kv-keys-max"},
    {"kv_value", offsetof(quotas, kv_value_bytes), true, false, UINT64_C(8) << 20, NULL},
    {"storage", offsetof(quotas, storage_bytes), true, true, LARGE, "storage-max"},
    {"waiting", offsetof(quotas, work_items), false, true, QUOTA_WORK_ITEMS_MAX, NULL},
    {"waiting_size", offsetof(quotas, work_bytes), true, true, QUOTA_WORK_BYTES_MAX, NULL},
    {"log", offsetof(quotas, log_bytes), true, false, UINT64_C(1) << 30, NULL},
};

static uint64_t *field_of(quotas *quotas, const project_quota *quota) {
  return (uint64_t *)(void *)((char *)quotas + quota->offset);
}

uint64_t project_quota_of(const quotas *quotas, const project_quota *quota) {
  return *(const uint64_t *)(const void *)((const char *)quotas + quota->offset);
}

static ubiq_error *read_one(const json_value *value, const project_quota *quota, uint64_t *out) {
  if (!quota->is_bytes) return json_get_u64(value, 1, quota->most, out);
  ubiq_error *error = json_get_size(value, quota->most, out);
  return error != NULL || *out > 0 ? error : json_wrong(value, "a size above 0");
}

ubiq_error *project_read_quotas(const json_value *value, quotas *out) {
  const json_keys known = JSON_KEYS(project_quotas);
  json_value field;
  ubiq_error *error = json_check_table(value, &known);
  for (size_t next = 0; error == NULL && json_next_known(value, &known, &next, &field);) {
    const project_quota *quota = &project_quotas[next - 1];
    error = read_one(&field, quota, field_of(out, quota));
  }
  return error;
}

ubiq_error *project_check_quotas(const char *name, const quotas *asked, const quotas *granted) {
  for (size_t i = 0; i < PROJECT_QUOTAS; i++) {
    const project_quota *quota = &project_quotas[i];
    uint64_t wanted = project_quota_of(asked, quota), most = project_quota_of(granted, quota);
    if (quota->option == NULL || most == 0 || wanted <= most) continue;
    return ubiq_error_new(UBIQ_DENIED, "%s: [project.quotas] asks for %s of %llu%s; at most %llu%s are granted (--%s)",
                          name, quota->name, (unsigned long long)wanted, quota->is_bytes ? " bytes" : "",
                          (unsigned long long)most, quota->is_bytes ? " bytes" : "", quota->option);
  }
  return NULL;
}

void project_settle_quotas(quotas *self, const quotas *granted) {
  for (size_t i = 0; i < PROJECT_QUOTAS; i++) {
    const project_quota *quota = &project_quotas[i];
    uint64_t *field = field_of(self, quota), most = granted == NULL ? 0 : project_quota_of(granted, quota);
    if (*field == 0) *field = project_quota_of(&quotas_default, quota);
    if (most != 0 && *field > most) *field = most;
  }
}
