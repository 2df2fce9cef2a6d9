// The permissions of a function as the admin API shows them.
#ifndef SERVER_ADMIN_ADMIN_PERMISSIONS_H
#define SERVER_ADMIN_ADMIN_PERMISSIONS_H

#include "server/admin/admin_request.h"

/// GET .../functions/{name}/permissions: what is granted and whether it was used, and what was denied, since the release was
/// loaded.
answer admin_permissions_get(admin_request *self);

#endif
