// What may be done later in the name of who asks now: by schedules and subscriptions, which are kept while functions, releases and
// tokens come and go.
//
// The sets of all who led to it are written down with what is kept, as a field of its JSON object:
//
//     "permissions":[{"owner":"the token 0a1b2c3d","token":true,"list":["kv:read:user:*"]}]
//
// and the runs that come of it may no more than they did then. What a project's own file says, and who may everything, has none.
#ifndef SERVICES_WORK_KEPT_PERMISSIONS_H
#define SERVICES_WORK_KEPT_PERMISSIONS_H

#include "base/json.h"
#include "services/permissions/permissions.h"

#define KEPT_PERMISSIONS "permissions" ///< the field

/// Appends `,"permissions":[...]`, or nothing where nothing is held back: the items of `before`, which was kept already (NULL: none), and
/// the sets of `who` (NULL: may everything). The set of `function`, which is what will be run, is left out: it has its own then.
/// False when memory is out.
UBIQ_NODISCARD bool kept_permissions_write(buffer *out, yyjson_val *before, const permissions *who, text function);

/// Makes the sets that the object has; `out` is the caller's, and to be ended by permissions_let_go. Errors: `invalid_input`.
ubiq_error *kept_permissions_read(const json_value *object, permissions *out);

#endif
