// Which service answers which operation. A service that is new adds its lines here.
#include "api/operation.h"
#include "services/operations.h"

static const service_handler handlers[SERVICE_OPERATIONS] = {
    [SERVICE_FUNCTIONS_LIST] = service_functions_list,
    [SERVICE_FUNCTIONS_RUN] = service_functions_run,
    [SERVICE_LOG_WRITE] = service_log_write,
    [SERVICE_RUNS_GET] = service_runs_get,
};

service_handler api_handler(const api_operation *operation) {
  return handlers[operation - api_operations];
}
