// `ubiq functions`: what a server serves.
#include "base/units.h"
#include "cli/admin_client.h"

static uint64_t number(yyjson_val *function, const char *key) {
  return yyjson_get_uint(yyjson_obj_get(function, key));
}

static bool add_limit(table *table, bool (*write)(buffer *out, uint64_t number), uint64_t limit) {
  buffer shown = {0};
  bool good = write(&shown, limit) && buffer_string(&shown) != NULL && table_add(table, buffer_string(&shown));
  buffer_free(&shown);
  return good;
}

static bool add_row(table *table, yyjson_val *function) {
  const char *path = admin_client_text(function, "path");
  return table_add(table, admin_client_text(function, "name")) &&
         table_add(table, path[0] == '\0' ? "-" : admin_client_text(function, "method")) &&
         table_add(table, path[0] == '\0' ? "-" : path) &&
         add_limit(table, units_duration_write, number(function, "timeout_ms")) &&
         add_limit(table, units_duration_write, number(function, "cpu_ms")) &&
         add_limit(table, units_size_write, number(function, "memory_bytes"));
}

static ubiq_error *show(yyjson_val *root) {
  static const char *const heads[] = {"FUNCTION", "METHOD", "PATH", "TIMEOUT", "CPU", "MEMORY"};
  return admin_client_print_rows(heads, sizeof heads / sizeof heads[0], root, add_row);
}

static int run(const command *command, int count, char **arguments) {
  return admin_client_run(command, count, arguments, "GET", "/_ubiq/functions", show);
}

const command command_functions = {
    .name = "functions",
    .usage = "[OPTIONS]",
    .summary = "list the functions that a server serves",
    .details = "Those of the current release, with their routes and limits.\n",
    .run = run,
};
