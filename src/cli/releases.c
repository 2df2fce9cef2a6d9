// `ubiq releases`: what was deployed to a server.
#include "cli/admin_client.h"

static bool add_row(table *table, yyjson_val *release) {
  bool is_signed = yyjson_get_bool(yyjson_obj_get(release, "signed"));
  return table_printf(table, "%.12s", admin_client_text(release, "digest")) &&
         table_add(table, admin_client_text(release, "state")) &&
         table_add(table, admin_client_text(release, "project")) &&
         table_add(table, admin_client_text(release, "version")) &&
         table_printf(table, "%.19sZ", admin_client_text(release, "received_at")) &&
         table_printf(table, "%llu", (unsigned long long)yyjson_get_uint(yyjson_obj_get(release, "size"))) &&
         table_add(table, is_signed ? "yes" : "no") && table_add(table, admin_client_text(release, "note"));
}

static ubiq_error *show(yyjson_val *root) {
  static const char *const heads[] = {"RELEASE", "STATE", "PROJECT", "VERSION", "RECEIVED", "BYTES", "SIGNED", "NOTE"};
  return admin_client_print_rows(heads, sizeof heads / sizeof heads[0], root, add_row);
}

static int run(const command *command, int count, char **arguments) {
  return admin_client_run(command, count, arguments, "GET", "/v1/releases", show);
}

const command command_releases = {
    .name = "releases",
    .usage = "[OPTIONS]",
    .summary = "list the releases that a server has",
    .details =
        "The newest come first. `current` is what is served, `canary` what gets some of the requests, `previous`\n"
        "where `ubiq rollback` leads, and those that are `kept` are there for `ubiq rollback --to`.\n",
    .run = run,
};
