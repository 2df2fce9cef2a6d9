// What the admin API answers: one function for each route.
#ifndef SERVER_ADMIN_ADMIN_ROUTES_H
#define SERVER_ADMIN_ADMIN_ROUTES_H

#include "server/admin/admin_request.h"

/// A router of all routes; the caller's. Its targets are constants. Errors: out of memory.
ubiq_error *admin_routes_new(router **out);

#endif
