// What services count, as metrics.
#ifndef SERVER_SERVICES_METRICS_H
#define SERVER_SERVICES_METRICS_H

#include "server/metrics_text.h"
#include "services/services.h"

/// Those of the parts that there are.
void services_metrics_add(metrics_text *out, const services *services);

#endif
