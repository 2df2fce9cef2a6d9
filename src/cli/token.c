// `ubiq token`: who may use a server's admin API. Works on the state's folder itself, beside a server or without one.
#include "base/clock.h"
#include "base/file.h"
#include "cli/serve_state.h"
#include "cli/table.h"
#include "runtime/auth/access_token.h"
#include "services/permissions/permissions.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

typedef struct token_command {
  const char *directory, *name;
  uint64_t expires_ms; ///< from now; 0: never
  bool read_only, json;
  option_list allowed, granted; ///< permissions, of `new`
  const char *id;               ///< of `revoke`
} token_command;

static uint64_t now_ms(void) {
  return clock_realtime_ns() / CLOCK_NS_PER_MS;
}

// ------------------------------------------------------------------------------------------------------------- new

/// Each has the form, and none more than its line.
static ubiq_error *check_list(const char *option, const option_list *list) {
  if (list->count > PERMISSIONS_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--%s is given %zu times; expected at most %d", option, list->count,
                          PERMISSIONS_MAX);
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < list->count; i++) {
    error = strchr(list->values[i], '\n') == NULL
                ? permission_check_form(text_of(list->values[i]))
                : ubiq_error_new(UBIQ_INVALID_INPUT, "a permission has several lines; expected one");
    error = ubiq_error_wrap(error, "--%s", option);
  }
  return error;
}

/// The lines of a list; NULL where there is none. The caller's.
static ubiq_error *join(const char *option, const option_list *list, char **out) {
  buffer lines = {0};
  *out = NULL;
  ubiq_error *error = check_list(option, list);
  if (error != NULL || list->count == 0) return error;
  bool good = true;
  for (size_t i = 0; good && i < list->count; i++)
    good = buffer_append_string(&lines, list->values[i]) && buffer_append_byte(&lines, '\n');
  if (good) *out = buffer_take_string(&lines);
  buffer_free(&lines);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_permissions(const token_command *self, access_token *token) {
  if (self->read_only && self->granted.count > 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--grant stands beside --read-only; such a token deploys nothing");
  ubiq_error *error = join("allow", &self->allowed, &token->allowed);
  return error != NULL ? error : join("grant", &self->granted, &token->granted);
}

static ubiq_error *make_token(const token_command *self, database *database) {
  access_token token = {.may_change = !self->read_only,
                        .expires_ms = self->expires_ms == 0 ? 0 : now_ms() + self->expires_ms};
  char shown[ACCESS_TOKEN_SIZE];
  if (strlen(self->name) > ACCESS_TOKEN_NAME_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the name has more than %d bytes", ACCESS_TOKEN_NAME_MAX);
  if (!text_utf8_valid(self->name, strlen(self->name)))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the name is no UTF-8; expected text");
  snprintf(token.name, sizeof token.name, "%s", self->name);
  ubiq_error *error = read_permissions(self, &token);
  if (error == NULL) error = access_token_new(database, &token, shown);
  free(token.allowed);
  free(token.granted);
  if (error != NULL) return error;
  if (self->json)
    printf("{\"id\":\"%s\",\"token\":\"%s\"}\n", token.id, shown);
  else
    printf("%s\n", shown);
  digest_wipe(shown, sizeof shown);
  return NULL;
}

// ------------------------------------------------------------------------------------------------------------ list

static void write_time(uint64_t time_ms, char out[CLOCK_TEXT_SIZE]) {
  if (time_ms == 0)
    snprintf(out, CLOCK_TEXT_SIZE, "never");
  else
    clock_format_ms(time_ms, out);
}

/// Permissions in a row. `none` is what it means that there is no list.
static bool add_cell(table *table, const char *lines, const char *none) {
  buffer cell = {0};
  text rest = text_of(lines), line;
  bool good = buffer_append_string(&cell, lines == NULL ? none : "");
  while (good && lines != NULL && text_split(&rest, '\n', &line))
    good = line.size == 0 || ((cell.size == 0 || buffer_append_byte(&cell, ' ')) && text_escape(&cell, line));
  char *string = good ? buffer_take_string(&cell) : NULL;
  good = string != NULL && table_add(table, string);
  free(string);
  buffer_free(&cell);
  return good;
}

static const char *granted_by_default(const access_token *token) {
  return access_token_may_deploy(token) ? "as serve" : "-";
}

static ubiq_error *print_table(const access_token *tokens, size_t count) {
  static const char *const heads[] = {"TOKEN", "MAY", "ALLOWED", "GRANTS", "MADE", "EXPIRES", "NAME"};
  table table = {.heads = heads, .columns = sizeof heads / sizeof heads[0]};
  char made[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
  bool good = true;
  for (size_t i = 0; good && i < count; i++) {
    write_time(tokens[i].created_ms, made);
    write_time(tokens[i].expires_ms, expires);
    good = table_add(&table, tokens[i].id) && table_add(&table, tokens[i].may_change ? "change" : "look") &&
           add_cell(&table, tokens[i].allowed, tokens[i].may_change ? "all" : "reads") &&
           add_cell(&table, tokens[i].granted, granted_by_default(&tokens[i])) && table_add(&table, made) &&
           table_add(&table, expires) && table_add(&table, tokens[i].name);
  }
  if (good) table_print(&table, stdout);
  table_free(&table);
  return good ? NULL : ubiq_error_no_memory();
}

/// A list, or null.
static bool add_permissions(yyjson_mut_doc *document, yyjson_mut_val *object, const char *key, const char *lines) {
  text rest = text_of(lines), line;
  if (lines == NULL) return yyjson_mut_obj_add_null(document, object, key);
  yyjson_mut_val *list = yyjson_mut_obj_add_arr(document, object, key);
  bool good = list != NULL;
  while (good && text_split(&rest, '\n', &line))
    good = line.size == 0 || yyjson_mut_arr_add_strncpy(document, list, line.data, line.size);
  return good;
}

static bool describe(yyjson_mut_doc *document, yyjson_mut_val *list, const access_token *token) {
  char made[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
  write_time(token->created_ms, made);
  write_time(token->expires_ms, expires);
  yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, list);
  return yyjson_mut_obj_add_str(document, object, "id", token->id) &&
         yyjson_mut_obj_add_bool(document, object, "may_change", token->may_change) &&
         add_permissions(document, object, "allowed", token->allowed) &&
         add_permissions(document, object, "granted", token->granted) &&
         yyjson_mut_obj_add_strcpy(document, object, "made_at", made) &&
         (token->expires_ms == 0 ? yyjson_mut_obj_add_null(document, object, "expires_at")
                                 : yyjson_mut_obj_add_strcpy(document, object, "expires_at", expires)) &&
         yyjson_mut_obj_add_str(document, object, "name", token->name);
}

static ubiq_error *print_json(const access_token *tokens, size_t count) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *list = yyjson_mut_arr(document);
  bool good = list != NULL;
  yyjson_mut_doc_set_root(document, list);
  for (size_t i = 0; good && i < count; i++) good = describe(document, list, &tokens[i]);
  char *text = good ? yyjson_mut_write(document, YYJSON_WRITE_NOFLAG, NULL) : NULL;
  if (text != NULL) printf("%s\n", text);
  ubiq_error *error = text == NULL ? ubiq_error_no_memory() : NULL;
  free(text);
  yyjson_mut_doc_free(document);
  return error;
}

static ubiq_error *list_tokens(const token_command *self, database *database) {
  access_token *tokens = NULL;
  size_t count = 0;
  ubiq_error *error = access_token_list(database, &tokens, &count);
  if (error == NULL) error = self->json ? print_json(tokens, count) : print_table(tokens, count);
  access_token_list_delete(tokens, count);
  return error;
}

static ubiq_error *revoke_token(const token_command *self, database *database) {
  return access_token_revoke(database, self->id);
}

// ------------------------------------------------------------------------------------------------------ the command

typedef ubiq_error *(*token_action)(const token_command *self, database *database);

static token_action find_action(token_command *self, const options *given) {
  const char *name = given->positionals_count == 0 ? "" : given->positionals[0];
  if (given->positionals_count >= 1 && strcmp(name, "new") == 0) {
    if (given->positionals_count == 2) self->name = given->positionals[1];
    return make_token;
  }
  if (given->positionals_count == 1 && strcmp(name, "list") == 0) return list_tokens;
  if (given->positionals_count != 2 || strcmp(name, "revoke") != 0) return NULL;
  self->id = given->positionals[1];
  return revoke_token;
}

/// A state that is not there has no tokens, and whoever only looks may not be who is to own it.
static ubiq_error *check_state(const char *directory, token_action action) {
  if (action == make_token || file_exists(directory)) return NULL;
  return ubiq_error_new(UBIQ_NOT_FOUND, "%s: no such folder; expected the state of a server (--state DIR)", directory);
}

static ubiq_error *act(const token_command *self, token_action action) {
  release_store *store = NULL;
  char *directory = NULL;
  ubiq_error *error = serve_state_directory(self->directory, &directory);
  if (error == NULL) error = check_state(directory, action);
  if (error == NULL) error = release_store_open(directory, false, &store);
  if (error == NULL) error = action(self, release_store_database(store));
  release_store_close(store);
  free(directory);
  return error;
}

static int use(const command *command, token_command *self, const options *given) {
  token_action action = find_action(self, given);
  if (action == NULL)
    return command_fail_usage(command,
                              ubiq_error_new(UBIQ_INVALID_INPUT, "expected new, list, or revoke and a token's id"));
  ubiq_error *error = act(self, action);
  return error == NULL ? EXIT_OK : command_fail(error);
}

static int use_tokens(const command *command, int count, char **arguments) {
  token_command self = {.name = ""};
  const option list_of[] = {
      {"state", 0, OPTION_TEXT, "DIR", "the folder of the server's state (default $XDG_STATE_HOME/ubiq)",
       &self.directory, 0, 0},
      {"name", 0, OPTION_TEXT, "TEXT", "new: what it is for", &self.name, 0, 0},
      {"expires", 0, OPTION_DURATION, "TIME", "new: how long it is good for (default: until it is revoked)",
       &self.expires_ms, 1, 0},
      {"read-only", 0, OPTION_FLAG, NULL, "new: it may look, but not change anything", &self.read_only, 0, 0},
      {"allow", 0, OPTION_LIST, "PERMISSION",
       "new: what it may ask the platform's API for, such as kv:read:user:* (default: all); may be repeated",
       &self.allowed, 0, 0},
      {"grant", 0, OPTION_LIST, "PERMISSION",
       "new: what a bundle that it deploys may ask for (default: what serve --allow grants); may be repeated",
       &self.granted, 0, 0},
      {"json", 0, OPTION_FLAG, NULL, "print JSON", &self.json, 0, 0},
  };
  const char *positionals[2];
  options given = {
      .list = list_of, .count = sizeof list_of / sizeof list_of[0], .positionals = positionals, .positionals_max = 2};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_GO) code = use(command, &self, &given);
  free(self.allowed.values);
  free(self.granted.values);
  return code;
}

const command command_token = {
    .name = "token",
    .usage = "new [NAME]|list|revoke ID [OPTIONS]",
    .summary = "make and take away tokens of a server's admin API",
    .details =
        "`new` prints a token, once: only a hash of it is kept. `revoke` takes the id that `list` shows, which is the\n"
        "token's second part. A token with --allow deploys only when it has --grant, too (docs/permissions.md).\n"
        "All work on the folder of the server's state, while it runs, too.\n",
    .words = "new list revoke",
    .run = use_tokens,
};
