// Which service answers which operation. A service that is new adds its lines here.
#include "api/operation.h"
#include "services/operations.h"

static const service_handler handlers[SERVICE_OPERATIONS] = {
    [SERVICE_CACHE_DELETE] = service_cache_delete,
    [SERVICE_CACHE_GET] = service_cache_get,
    [SERVICE_CACHE_INCREMENT] = service_cache_increment,
    [SERVICE_CACHE_LOCK] = service_cache_lock,
    [SERVICE_CACHE_PUT] = service_cache_put,
    [SERVICE_FUNCTIONS_LIST] = service_functions_list,
    [SERVICE_FUNCTIONS_RUN] = service_functions_run,
    [SERVICE_KV_BATCH] = service_kv_batch,
    [SERVICE_KV_DELETE] = service_kv_delete,
    [SERVICE_KV_GET] = service_kv_get,
    [SERVICE_KV_INCREMENT] = service_kv_increment,
    [SERVICE_KV_LIST] = service_kv_list,
    [SERVICE_KV_PUT] = service_kv_put,
    [SERVICE_LOG_WRITE] = service_log_write,
    [SERVICE_RUNS_GET] = service_runs_get,
};

service_handler api_handler(const api_operation *operation) {
  return handlers[operation - api_operations];
}
