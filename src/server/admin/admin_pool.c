// Numbers are read where workers write them (runtime/pool/pool_gauges.h): no worker is asked.
#include "server/admin/admin_pool.h"

#include "base/clock.h"
#include "runtime/project/project_pool.h"
#include "server/admin/admin_json.h"

#include <stdlib.h>

static bool add_settings(yyjson_mut_doc *document, yyjson_mut_val *root, const function *function) {
  const pool_settings *settings = &function->pool.settings;
  const lifetime *lifetime = &function->pool.lifetime;
  yyjson_mut_val *object = yyjson_mut_obj_add_obj(document, root, "settings");
  return yyjson_mut_obj_add_uint(document, object, "min", settings->min) &&
         yyjson_mut_obj_add_uint(document, object, "max", settings->max) &&
         yyjson_mut_obj_add_uint(document, object, "overprovision", settings->overprovision_percent) &&
         yyjson_mut_obj_add_uint(document, object, "idle_ms", settings->idle_ms) &&
         yyjson_mut_obj_add_uint(document, object, "scale_interval_ms", settings->interval_ms) &&
         (lifetime->runs_max == 0 || yyjson_mut_obj_add_uint(document, object, "max_runs", lifetime->runs_max)) &&
         (lifetime->age_ms_max == 0 || yyjson_mut_obj_add_uint(document, object, "max_age_ms", lifetime->age_ms_max));
}

static bool add_ended(yyjson_mut_doc *document, yyjson_mut_val *root, const pool_stats *stats) {
  yyjson_mut_val *object = yyjson_mut_obj_add_obj(document, root, "ended");
  bool good = object != NULL;
  for (int end = 0; good && end < POOL_ENDS; end++)
    good = yyjson_mut_obj_add_uint(document, object, pool_end_name((pool_end)end), stats->ended[end]);
  return good;
}

static bool add_numbers(yyjson_mut_doc *document, yyjson_mut_val *root, const pool_stats *stats) {
  const struct {
    const char *name;
    uint64_t value;
  } numbers[] = {
      {"workers", stats->workers},
      {"ready", stats->ready},
      {"busy", stats->busy},
      {"starting", stats->starting},
      {"demand", stats->demand},
      {"target", stats->target},
      {"made", stats->made},
      {"made_ahead", stats->made_ahead},
      {"found_ready", stats->found_ready},
      {"start_failed", stats->start_failed},
  };
  bool good = true;
  for (size_t i = 0; good && i < sizeof numbers / sizeof numbers[0]; i++)
    good = yyjson_mut_obj_add_uint(document, root, numbers[i].name, numbers[i].value);
  return good && add_ended(document, root, stats);
}

static bool add_pinned(yyjson_mut_doc *document, yyjson_mut_val *root, const pin_status *status) {
  yyjson_mut_val *object = yyjson_mut_obj_add_obj(document, root, "pinned");
  return yyjson_mut_obj_add_str(document, object, "state", pin_state_name(status->state)) &&
         yyjson_mut_obj_add_uint(document, object, "restarts", status->restarts) &&
         yyjson_mut_obj_add_uint(document, object, "wait_ms", status->wait_ms);
}

static bool add_problem(yyjson_mut_doc *document, yyjson_mut_val *root, pool_board *board) {
  char *problem = pool_board_problem(board);
  bool good = problem == NULL || yyjson_mut_obj_add_strcpy(document, root, "problem", problem);
  free(problem);
  return good;
}

static bool describe(yyjson_mut_doc *document, yyjson_mut_val *root, const function *function) {
  pool_stats stats;
  pin_status pinned;
  pool_board_sum(function->pool.board, &stats);
  if (function->pool.pin != NULL) {
    pin_look(function->pool.pin, clock_monotonic_ns() / CLOCK_NS_PER_MS, &pinned);
    stats.ready = pinned.state == PIN_READY;
    stats.target = 1;
  }
  return yyjson_mut_obj_add_strcpy(document, root, "function", function->name) &&
         yyjson_mut_obj_add_str(document, root, "instance", lifetime_kind_name(function->pool.lifetime.kind)) &&
         add_settings(document, root, function) && add_numbers(document, root, &stats) &&
         (function->pool.pin == NULL || add_pinned(document, root, &pinned)) &&
         add_problem(document, root, function->pool.board);
}

answer admin_pool_get(admin_request *self) {
  release *current = releases_hold(self->context->releases);
  text name = admin_request_function(self);
  const function *function = release_function(current, name);
  answer answer;
  if (function == NULL) {
    answer = answer_error(ubiq_error_new(UBIQ_NOT_FOUND, "there is no function \"%.*s\"; see `ubiq functions`",
                                         (int)name.size, name.data));
  } else {
    yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(document);
    answer = admin_json_answer(document, describe(document, root, function) ? root : NULL);
  }
  release_delete(current);
  return answer;
}
