// `ubiq status`: what a server is doing.
#include "cli/admin_client.h"
#include "cli/table.h"

static uint64_t number(yyjson_val *object, const char *key) {
  return yyjson_get_uint(yyjson_obj_get(object, key));
}

static bool add_row(table *table, const char *share, yyjson_val *release) {
  return table_add(table, admin_client_text(release, "state")) &&
         table_printf(table, "%.12s", admin_client_text(release, "digest")) &&
         table_add(table, admin_client_text(release, "project")) &&
         table_add(table, admin_client_text(release, "version")) && table_add(table, share) &&
         table_printf(table, "%llu", (unsigned long long)number(release, "requests")) &&
         table_printf(table, "%llu", (unsigned long long)number(release, "failures"));
}

static bool add_both(table *table, yyjson_val *current, yyjson_val *canary) {
  char share[24];
  uint64_t percent = number(canary, "percent");
  snprintf(share, sizeof share, "%llu %%", (unsigned long long)(100 - percent));
  if (!add_row(table, share, current)) return false;
  if (!yyjson_is_obj(canary)) return true;
  snprintf(share, sizeof share, "%llu %%", (unsigned long long)percent);
  return add_row(table, share, canary);
}

static void show_rule(yyjson_val *canary) {
  yyjson_val *threshold = yyjson_obj_get(canary, "rollback_above");
  if (threshold == NULL) return;
  printf("the canary is taken back when more than %g %% of %llu or more requests fail; within the last %llu s %llu of "
         "%llu did\n",
         yyjson_get_num(threshold), (unsigned long long)number(canary, "requests_min"),
         (unsigned long long)number(canary, "window_s"), (unsigned long long)number(canary, "window_failures"),
         (unsigned long long)number(canary, "window_requests"));
}

/// As people write sizes, with one digit behind the point.
static void write_size(char out[24], uint64_t bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double size = (double)bytes;
  size_t unit = 0;
  for (; size >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++) size /= 1024;
  snprintf(out, 24, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}

static void show_used(yyjson_val *used) {
  yyjson_val *kv = yyjson_obj_get(used, "kv"), *keys = yyjson_obj_get(used, "kv_keys");
  yyjson_val *storage = yyjson_obj_get(used, "storage"), *waiting = yyjson_obj_get(used, "waiting");
  yyjson_val *carried = yyjson_obj_get(used, "waiting_size");
  char sizes[6][24];
  if (!yyjson_is_obj(used)) return;
  write_size(sizes[0], number(kv, "used"));
  write_size(sizes[1], number(kv, "max"));
  write_size(sizes[2], number(storage, "used"));
  write_size(sizes[3], number(storage, "max"));
  write_size(sizes[4], number(carried, "used"));
  write_size(sizes[5], number(carried, "max"));
  printf("kv has %llu of %llu keys, %s of %s; storage %s of %s; %llu of %llu wait, %s of %s\n",
         (unsigned long long)number(keys, "used"), (unsigned long long)number(keys, "max"), sizes[0], sizes[1],
         sizes[2], sizes[3], (unsigned long long)number(waiting, "used"), (unsigned long long)number(waiting, "max"),
         sizes[4], sizes[5]);
}

static ubiq_error *show(yyjson_val *root) {
  static const char *const heads[] = {"STATE", "RELEASE", "PROJECT", "VERSION", "SHARE", "REQUESTS", "FAILURES"};
  yyjson_val *current = yyjson_obj_get(root, "current"), *canary = yyjson_obj_get(root, "canary");
  printf("%s since %.19sZ%s\n", admin_client_text(root, "url"), admin_client_text(root, "began_at"),
         yyjson_get_bool(yyjson_obj_get(root, "is_changing")) ? "; a deploy is under way" : "");
  if (!yyjson_is_obj(current)) {
    printf("nothing is deployed yet: `ubiq deploy`\n");
    return NULL;
  }
  table table = {.heads = heads, .columns = sizeof heads / sizeof heads[0]};
  bool good = add_both(&table, current, canary);
  if (good) table_print(&table, stdout);
  table_free(&table);
  show_rule(canary);
  show_used(yyjson_obj_get(root, "used"));
  return good ? NULL : ubiq_error_no_memory();
}

static int run(const command *command, int count, char **arguments) {
  return admin_client_run(command, count, arguments, "GET", "/v1/status", show);
}

const command command_status = {
    .name = "status",
    .usage = "[OPTIONS]",
    .summary = "tell what a server serves and how requests end",
    .details =
        "Requests and failures are counted since each release was loaded; a failure is an answer that the function\n"
        "or the host failed to give.\n",
    .run = run,
};
