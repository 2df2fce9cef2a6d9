// How much of what lasts a project may keep. Each can be set for a project, up to what the operator grants.
#ifndef SERVICES_QUOTAS_H
#define SERVICES_QUOTAS_H

#include "services/service.h"

/// In a field 0: it is not said.
typedef struct quotas {
  uint64_t kv_keys;
  uint64_t kv_bytes;       ///< keys, values and media types
  uint64_t kv_value_bytes; ///< of one value
  uint64_t storage_bytes;  ///< objects and uploads
  uint64_t work_items;     ///< events, schedules and runs that wait, or are dead letters
  uint64_t work_bytes;     ///< of what those carry
  uint64_t log_bytes;      ///< that one run says in the log
} quotas;

/// What holds for work where nobody says less: more is not to be had.
#define QUOTA_WORK_ITEMS_MAX UINT64_C(2000000)
#define QUOTA_WORK_BYTES_MAX (UINT64_C(1) << 30)

static const quotas quotas_default = {
    .kv_keys = 100000,
    .kv_bytes = UINT64_C(100) << 20,
    .kv_value_bytes = UINT64_C(1) << 20,
    .storage_bytes = UINT64_C(100) << 20,
    .work_items = QUOTA_WORK_ITEMS_MAX,
    .work_bytes = QUOTA_WORK_BYTES_MAX,
    .log_bytes = UINT64_C(1) << 20,
};

/// What holds for a caller's project; all fields are said.
static inline const quotas *quotas_of(const service_caller *caller) {
  return caller->quotas == NULL ? &quotas_default : caller->quotas;
}

#endif
