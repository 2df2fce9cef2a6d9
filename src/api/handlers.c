// Which service answers which operation. A service that is new adds its lines here.
#include "api/operation.h"
#include "services/operations.h"

static const service_handler handlers[SERVICE_OPERATIONS] = {
    [SERVICE_CACHE_DELETE] = service_cache_delete,
    [SERVICE_CACHE_GET] = service_cache_get,
    [SERVICE_CACHE_INCREMENT] = service_cache_increment,
    [SERVICE_CACHE_LOCK] = service_cache_lock,
    [SERVICE_CACHE_PUT] = service_cache_put,
    [SERVICE_CONFIG_GET] = service_config_get,
    [SERVICE_DEAD_LETTERS_DROP] = service_dead_letters_drop,
    [SERVICE_DEAD_LETTERS_LIST] = service_dead_letters_list,
    [SERVICE_DEAD_LETTERS_REPLAY] = service_dead_letters_replay,
    [SERVICE_EVENTS_PUBLISH] = service_events_publish,
    [SERVICE_EVENTS_PUBLISH_BINARY] = service_events_publish_binary,
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
    [SERVICE_SCHEDULES_CREATE] = service_schedules_create,
    [SERVICE_SCHEDULES_DELETE] = service_schedules_delete,
    [SERVICE_SCHEDULES_GET] = service_schedules_get,
    [SERVICE_SCHEDULES_LIST] = service_schedules_list,
    [SERVICE_SCHEDULES_PAUSE] = service_schedules_pause,
    [SERVICE_SCHEDULES_RESUME] = service_schedules_resume,
    [SERVICE_SCHEDULES_RUN] = service_schedules_run,
    [SERVICE_SECRETS_DELETE] = service_secrets_delete,
    [SERVICE_SECRETS_GET] = service_secrets_get,
    [SERVICE_SECRETS_LIST] = service_secrets_list,
    [SERVICE_SECRETS_PUT] = service_secrets_put,
    [SERVICE_SUBSCRIPTIONS_DELETE] = service_subscriptions_delete,
    [SERVICE_SUBSCRIPTIONS_GET] = service_subscriptions_get,
    [SERVICE_SUBSCRIPTIONS_LIST] = service_subscriptions_list,
    [SERVICE_SUBSCRIPTIONS_PUT] = service_subscriptions_put,
};

service_handler api_handler(const api_operation *operation) {
  return handlers[operation - api_operations];
}
