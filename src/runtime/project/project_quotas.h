// How much of what lasts a project asks for: [project.quotas] in ubiq.toml.
//
//     [project.quotas]
//     kv = "1GiB"         # keys and values together
//     kv_keys = 1000000
//     kv_value = "2MiB"   # one value
//     storage = "10GiB"
//     waiting = 10000     # events, schedules and runs that wait or are dead letters
//     waiting_size = "10MiB"
//     log = "64KiB"       # of one run
//
// What is not said is as much as by default, or as the operator grants where that is less.
#ifndef RUNTIME_PROJECT_PROJECT_QUOTAS_H
#define RUNTIME_PROJECT_PROJECT_QUOTAS_H

#include "base/json.h"
#include "services/quotas.h"

enum { PROJECT_QUOTAS = 7 };

/// A quota as people see it.
typedef struct project_quota {
  const char *name; ///< in [project.quotas]
  size_t offset;    ///< in `quotas`
  bool is_bytes;
  bool is_counted;    ///< what is used of it is known
  uint64_t most;      ///< that can be asked for
  const char *option; ///< of `ubiq serve`, which grants it; NULL: `most` is always granted
} project_quota;

extern const project_quota project_quotas[PROJECT_QUOTAS];

/// Reads the table. Errors: `invalid_input`, with the place.
ubiq_error *project_read_quotas(const json_value *value, quotas *out);

/// One of them.
uint64_t project_quota_of(const quotas *quotas, const project_quota *quota);

/// Compares what a project asks for with what is granted; 0 in a field: whatever it asks. `name` is for the message.
/// Errors: `denied`, which names the option that would grant it.
ubiq_error *project_check_quotas(const char *name, const quotas *asked, const quotas *granted);

/// Says what was not said. `granted` may be NULL: everything is.
void project_settle_quotas(quotas *self, const quotas *granted);

#endif
