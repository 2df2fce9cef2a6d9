// GET /v1/logs: what the server and its functions logged last, and what they log from now on.
#ifndef SERVER_ADMIN_ADMIN_LOGS_H
#define SERVER_ADMIN_ADMIN_LOGS_H

#include "server/admin/admin_request.h"

answer admin_logs_get(admin_request *self);

#endif
