// Whether a server is well, for who starts, ends and watches programs: asked without a token.
#ifndef SERVER_ADMIN_ADMIN_HEALTH_H
#define SERVER_ADMIN_ADMIN_HEALTH_H

#include "server/admin/admin_request.h"

/// GET /_ubiq/health/live: 200 as long as there is anybody to answer.
answer admin_health_live(admin_request *self);

/// GET /_ubiq/health/ready: 200 when requests are served by what was deployed last, with a warning while deploys would not be; else
/// 503.
answer admin_health_ready(admin_request *self);

#endif
