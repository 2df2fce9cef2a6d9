// `ubiq letters`: events, and turns of schedules, that a server's functions failed at for good: shown, tried again, or dropped.
#include "base/text.h"
#include "cli/admin_client.h"
#include "cli/table.h"

#include <stdlib.h>

enum { IDS_MAX = 100, ERROR_SHOWN = 80, PAGE = 1000, LISTED = 100 };

typedef struct letters_command {
  admin_client client;
  const char *subscription; ///< NULL: all
  bool all;
  uint64_t limit; ///< of `list`; 0: the usual
  const char *const *ids;
  size_t ids_count;
} letters_command;

// ------------------------------------------------------------------------------------------------------------ asking

static bool write_segment(buffer *out, const char *value) {
  bool good = true;
  for (; good && *value != '\0'; value++)
    good = strchr("/?#%&=+ ", *value) == NULL ? buffer_append_byte(out, (uint8_t)*value)
                                              : buffer_printf(out, "%%%02X", (unsigned char)*value);
  return good;
}

/// A path with what all of these questions say.
static bool write_query(const letters_command *self, buffer *out, uint64_t limit, const char *cursor) {
  bool good = buffer_printf(out, "/v1/dead-letters?limit=%llu", (unsigned long long)limit);
  if (self->subscription != NULL)
    good = good && buffer_append_string(out, "&subscription=") && write_segment(out, self->subscription);
  if (cursor != NULL) good = good && buffer_append_string(out, "&cursor=") && write_segment(out, cursor);
  return good;
}

/// `path` is good when `is_written`; it is freed.
static ubiq_error *ask(const letters_command *self, const char *method, buffer *path, bool is_written,
                       yyjson_doc **answer) {
  const char *string = is_written ? buffer_string(path) : NULL;
  ubiq_error *error = string == NULL ? ubiq_error_no_memory() : NULL;
  if (error == NULL)
    error = admin_client_ask(&self->client, &(admin_question){.method = method, .path = string, .may_be_empty = true},
                             answer);
  buffer_free(path);
  return error;
}

// -------------------------------------------------------------------------------------------------------------- list

/// What the event is of: its type, or the name of the schedule whose turn it was.
static const char *kind_of(yyjson_val *event) {
  const char *type = admin_client_text(event, "type");
  return *type != '\0' ? type : admin_client_text(event, "name");
}

static bool add_row(table *table, yyjson_val *letter) {
  const text error = text_cut(text_of(admin_client_text(letter, "error")), ERROR_SHOWN);
  return table_add(table, admin_client_text(letter, "id")) &&
         table_add(table, admin_client_text(letter, "subscription")) &&
         table_add(table, kind_of(yyjson_obj_get(letter, "event"))) &&
         table_printf(table, "%.19sZ", admin_client_text(letter, "failed_at")) &&
         table_printf(table, "%lld", (long long)yyjson_get_sint(yyjson_obj_get(letter, "attempts"))) &&
         table_printf(table, "%.*s", (int)error.size, error.data);
}

static ubiq_error *show(yyjson_val *root) {
  static const char *const heads[] = {"ID", "SUBSCRIPTION", "TYPE", "FAILED", "ATTEMPTS", "ERROR"};
  ubiq_error *error =
      admin_client_print_rows(heads, sizeof heads / sizeof heads[0], yyjson_obj_get(root, "items"), add_row);
  if (error == NULL && yyjson_obj_get(root, "cursor") != NULL) printf("there are more; --limit shows up to %d\n", PAGE);
  return error;
}

static ubiq_error *list(const letters_command *self) {
  yyjson_doc *answer = NULL;
  buffer path = {0};
  bool is_written = write_query(self, &path, self->limit == 0 ? LISTED : self->limit, NULL);
  ubiq_error *error = ask(self, "GET", &path, is_written, &answer);
  if (error == NULL) error = self->client.json ? admin_client_print_json(answer) : show(yyjson_doc_get_root(answer));
  yyjson_doc_free(answer);
  return error;
}

// ---------------------------------------------------------------------------------------------------- replay and drop

/// What is done with letters: to one by its id, and to many.
typedef struct letters_deed {
  const char *method, *behind_id, *done;
} letters_deed;

static const letters_deed replay = {"POST", "/replay", "delivered again"}, drop = {"DELETE", "", "dropped"};

static ubiq_error *change_one(const letters_command *self, const letters_deed *deed, const char *id) {
  yyjson_doc *answer = NULL;
  buffer path = {0};
  bool is_written = buffer_append_string(&path, "/v1/dead-letters/") && write_segment(&path, id) &&
                    buffer_append_string(&path, deed->behind_id);
  ubiq_error *error = ask(self, deed->method, &path, is_written, &answer);
  yyjson_doc_free(answer);
  return error == NULL ? NULL : ubiq_error_wrap(error, "%s", id);
}

/// Page by page, each letter once: those that fail again have their ids still, which were passed.
static ubiq_error *change_all(const letters_command *self, const letters_deed *deed, uint64_t *count) {
  char cursor[64] = "";
  ubiq_error *error = NULL;
  do {
    yyjson_doc *answer = NULL;
    buffer path = {0};
    bool is_written = write_query(self, &path, PAGE, cursor[0] == '\0' ? NULL : cursor);
    error = ask(self, deed->method, &path, is_written, &answer);
    yyjson_val *root = yyjson_doc_get_root(answer);
    *count += (uint64_t)yyjson_get_uint(yyjson_obj_get(root, "count"));
    snprintf(cursor, sizeof cursor, "%s", admin_client_text(root, "cursor"));
    yyjson_doc_free(answer);
  } while (error == NULL && cursor[0] != '\0');
  return error;
}

static ubiq_error *change(const letters_command *self, const letters_deed *deed) {
  uint64_t count = 0;
  ubiq_error *error = NULL;
  for (; error == NULL && count < self->ids_count; count++) error = change_one(self, deed, self->ids[count]);
  if (self->ids_count == 0) error = change_all(self, deed, &count);
  if (error != NULL) return error;
  if (self->client.json)
    printf("{\"count\":%llu}\n", (unsigned long long)count);
  else
    printf("%llu %s\n", (unsigned long long)count, deed->done);
  return NULL;
}

// ------------------------------------------------------------------------------------------------------ the command

/// The letters that are meant: some by their ids, or those of a subscription, or all.
static bool is_meant(const letters_command *self) {
  return (self->ids_count > 0) + (self->subscription != NULL) + self->all == 1;
}

static int use(const command *command, letters_command *self, const options *given) {
  const char *action = given->positionals_count == 0 ? "list" : given->positionals[0];
  bool is_list = strcmp(action, "list") == 0, is_replay = strcmp(action, "replay") == 0;
  self->ids = given->positionals + 1;
  self->ids_count = given->positionals_count == 0 ? 0 : given->positionals_count - 1;
  if (!is_list && !is_replay && strcmp(action, "drop") != 0)
    return command_fail_usage(command, ubiq_error_new(UBIQ_INVALID_INPUT, "expected list, replay or drop"));
  if (is_list ? self->ids_count > 0 || self->all : !is_meant(self))
    return command_fail_usage(
        command, ubiq_error_new(UBIQ_INVALID_INPUT, is_list ? "list takes no ids and no --all"
                                                            : "expected ids, or --subscription NAME, or --all"));
  ubiq_error *error = is_list ? list(self) : change(self, is_replay ? &replay : &drop);
  return error == NULL ? EXIT_OK : admin_client_fail(&self->client, error);
}

static int run(const command *command, int count, char **arguments) {
  letters_command self = {0};
  option list_of[ADMIN_CLIENT_OPTIONS + 3] = {
      {"subscription", 0, OPTION_TEXT, "NAME", "those of one subscription", &self.subscription, 0, 0},
      {"all", 0, OPTION_FLAG, NULL, "replay, drop: all of the project", &self.all, 0, 0},
      {"limit", 0, OPTION_NUMBER, "N", "list: how many at most (default 100)", &self.limit, 1, PAGE},
  };
  admin_client_options(&self.client, list_of + 3);
  const char *positionals[IDS_MAX + 1];
  options given = {.list = list_of,
                   .count = sizeof list_of / sizeof list_of[0],
                   .positionals = positionals,
                   .positionals_max = IDS_MAX + 1};
  int code;
  return command_begin(command, &given, count, arguments, &code) == COMMAND_GO ? use(command, &self, &given) : code;
}

const command command_letters = {
    .name = "letters",
    .usage = "[list|replay|drop] [ID...] [OPTIONS]",
    .summary = "show events that functions failed at for good, try them again, or drop them",
    .details =
        "`list` shows the oldest first; with --json it prints the events themselves, too. `replay` has them tried\n"
        "again from the first attempt on, in the order of their keys; those that fail again are dead letters again.\n"
        "Which ones is said by ids, by --subscription or by --all. Turns of schedules are among them.\n",
    .words = "list replay drop",
    .run = run,
};
