// `ubiq permissions`: what a function may do, what of it it did, and what it was denied.
#include "base/text.h"
#include "cli/admin_client.h"
#include "cli/table.h"

#include <stdlib.h>

static bool add_rows(table *table, yyjson_val *root) {
  bool good = true;
  size_t index, max;
  yyjson_val *item;
  yyjson_arr_foreach(yyjson_obj_get(root, "granted"), index, max, item) {
    bool is_used = yyjson_get_bool(yyjson_obj_get(item, "is_used"));
    good = good && table_add(table, admin_client_text(item, "permission")) &&
           table_add(table, is_used ? "granted, used" : "granted, unused");
  }
  yyjson_arr_foreach(yyjson_obj_get(root, "denied"), index, max, item) {
    good = good && table_add(table, yyjson_get_str(item)) && table_add(table, "denied");
  }
  return good;
}

static ubiq_error *show(yyjson_val *root) {
  static const char *const heads[] = {"PERMISSION", "STATE"};
  table table = {.heads = heads, .columns = sizeof heads / sizeof heads[0]};
  if (yyjson_arr_size(yyjson_obj_get(root, "granted")) + yyjson_arr_size(yyjson_obj_get(root, "denied")) == 0) {
    printf("%s may write to the log, and asked for nothing else\n", admin_client_text(root, "function"));
    return NULL;
  }
  bool good = add_rows(&table, root);
  if (good) table_print(&table, stdout);
  table_free(&table);
  return good ? NULL : ubiq_error_no_memory();
}

/// The name as a segment of a path.
static bool write_path(buffer *out, const char *name) {
  bool good = buffer_append_string(out, "/_ubiq/functions/");
  for (; good && *name != '\0'; name++)
    good = strchr("/?#% ", *name) == NULL ? buffer_append_byte(out, (uint8_t)*name)
                                          : buffer_printf(out, "%%%02X", (unsigned char)*name);
  return good && buffer_append_string(out, "/permissions");
}

static ubiq_error *ask(const admin_client *client, const char *name) {
  buffer path = {0};
  yyjson_doc *answer = NULL;
  const char *string = write_path(&path, name) ? buffer_string(&path) : NULL;
  ubiq_error *error = string == NULL ? ubiq_error_no_memory() : NULL;
  if (error == NULL) error = admin_client_ask(client, &(admin_question){.method = "GET", .path = string}, &answer);
  if (error == NULL) error = client->json ? admin_client_print_json(answer) : show(yyjson_doc_get_root(answer));
  yyjson_doc_free(answer);
  buffer_free(&path);
  return error;
}

static int run(const command *command, int count, char **arguments) {
  admin_client client;
  option list[ADMIN_CLIENT_OPTIONS];
  admin_client_options(&client, list);
  const char *positionals[1];
  options given = {.list = list, .count = ADMIN_CLIENT_OPTIONS, .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  if (given.positionals_count == 0)
    return command_fail_usage(command, ubiq_error_new(UBIQ_INVALID_INPUT, "expected the name of a function"));
  ubiq_error *error = ask(&client, positionals[0]);
  return error == NULL ? EXIT_OK : admin_client_fail(&client, error);
}

const command command_permissions = {
    .name = "permissions",
    .usage = "FUNCTION [OPTIONS]",
    .summary = "show what a function may ask services for",
    .details = "What is granted, whether it was used, and what was denied, since the release was loaded. What was "
               "denied can be\n"
               "put into ubiq.toml as it stands here: permissions = [\"...\"] (docs/permissions.md).\n",
    .run = run,
};
