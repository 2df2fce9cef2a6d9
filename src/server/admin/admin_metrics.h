// What the server counts, as Prometheus asks for it.
#ifndef SERVER_ADMIN_ADMIN_METRICS_H
#define SERVER_ADMIN_ADMIN_METRICS_H

#include "server/admin/admin_request.h"

/// GET /_ubiq/metrics: text format 0.0.4 (metrics_text.h). docs/observe.md says what is in it.
answer admin_metrics_get(admin_request *self);

#endif
