// One permission: its grammar, and what it allows. permissions.h says what that means.
#ifndef SERVICES_PERMISSIONS_PERMISSION_RULE_H
#define SERVICES_PERMISSIONS_PERMISSION_RULE_H

#include "base/arena.h"
#include "services/permissions/permissions.h"

#include <stdatomic.h>

typedef struct permission_rule {
  text whole;           ///< as it was written
  text service, action; ///< "*": any
  text pattern;         ///< of http: the host
  text path;            ///< of http; data NULL: any
  atomic_bool is_used;
} permission_rule;

/// Splits a permission, of which all is borrowed; of http the path is still part of the pattern. Errors: `invalid_input`.
ubiq_error *permission_rule_parse(text permission, permission_rule *out);

/// The same, with all copied and a host in lower case apart from its path. Errors besides: memory is out.
ubiq_error *permission_rule_make(text permission, arena *arena, permission_rule *out);

bool permission_rule_allows(const permission_rule *self, const permission_ask *ask);

/// Whether it says the whole host of what it allows, without `*`.
bool permission_rule_names_host(const permission_rule *self);

/// What a rule that was parsed would allow, as something that is asked for: its asterisks are characters like any other.
permission_ask permission_rule_as_ask(const permission_rule *self, char buffer[PERMISSION_BYTES_MAX + 2]);

#endif
