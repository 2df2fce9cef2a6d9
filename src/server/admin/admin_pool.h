// The pool of a function as the admin API shows it.
#ifndef SERVER_ADMIN_ADMIN_POOL_H
#define SERVER_ADMIN_ADMIN_POOL_H

#include "server/admin/admin_request.h"

/// GET .../functions/{name}/pool: settings, numbers of now and since the release was loaded, all workers together.
answer admin_pool_get(admin_request *self);

#endif
