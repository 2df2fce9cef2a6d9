// How far subscriptions are behind, as metrics.
#ifndef SERVER_ADMIN_EVENTS_METRICS_H
#define SERVER_ADMIN_EVENTS_METRICS_H

#include "server/admin/metrics_text.h"
#include "services/backend/backend.h"

/// Those of all projects. What cannot be read is left out.
void events_metrics_add(metrics_text *out, backend *backend);

#endif
