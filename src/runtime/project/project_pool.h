// What ubiq.toml says of a function's instances: how long they live, and how many there are.
//
//     [project.pool]            # for all functions; each may have a table `pool` of its own, whose keys stand before these
//     min = 2                   # instances that are always there
//     max = 1000                # instances that there are at most
//     overprovision = 10        # percent above the demand
//     idle = "30s"              # how long what is not needed is kept
//     scale_interval = "1s"     # how often that is looked at
//
//     [functions.greet]
//     instance = "reuse"        # or "request", "pinned"
//     max_runs = 10000          # with "reuse"
//     max_age = "1h"            # with "reuse"
#ifndef RUNTIME_PROJECT_PROJECT_POOL_H
#define RUNTIME_PROJECT_PROJECT_POOL_H

#include "base/json.h"
#include "runtime/pool/lifetime.h"
#include "runtime/pool/pool_policy.h"

/// Reads a table `pool`: what it does not say stays as it is in `*settings`, but for `min`, which follows a smaller `max`
/// when only that is said. Errors: `invalid_input` with the place.
ubiq_error *project_read_pool(const json_value *value, pool_settings *settings);

/// The word for a lifetime in ubiq.toml.
const char *lifetime_kind_name(lifetime_kind kind);

/// Reads the key `instance`. Errors: `invalid_input` with the place.
ubiq_error *project_read_lifetime(const json_value *value, lifetime *out);

/// What the keys of a function, at `value`, must be together. Errors: `invalid_input` with the place.
ubiq_error *project_check_lifetime(const json_value *value, const lifetime *lifetime);

#endif
