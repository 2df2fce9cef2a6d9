// What services count, as metrics.
#ifndef SERVER_ADMIN_SERVICES_METRICS_H
#define SERVER_ADMIN_SERVICES_METRICS_H

#include "runtime/project/project.h"
#include "runtime/telemetry/metrics.h"
#include "server/admin/metrics_text.h"
#include "services/services.h"

/// Those of the parts that there are.
void services_metrics_add(metrics_text *out, const services *services);

/// How much of its quotas a project has used.
void services_metrics_add_usage(metrics_text *out, const services *services, const project *project);

/// What was asked of them, by operation; of those that nobody asked for, nothing.
void services_metrics_add_calls(metrics_text *out, metrics *metrics);

#endif
