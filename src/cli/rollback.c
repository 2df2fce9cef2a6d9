// `ubiq rollback`: lets a server go back to a release that it had.
#include "cli/admin_client.h"

#include <string.h>

typedef struct rolling_back {
  admin_client client;
  const char *to; ///< the first digits of a release; NULL: what was before
} rolling_back;

static ubiq_error *check(const rolling_back *self) {
  if (self->to == NULL ||
      (self->to[0] != '\0' && strspn(self->to, "0123456789abcdef") == strlen(self->to) && strlen(self->to) <= 64))
    return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "--to is \"%s\"; expected the first digits of a release (see `ubiq releases`)", self->to);
}

static ubiq_error *roll_back(const rolling_back *self) {
  char path[100];
  yyjson_doc *answer = NULL;
  snprintf(path, sizeof path, "/v1/rollback%s%s", self->to == NULL ? "" : "?to=", self->to == NULL ? "" : self->to);
  ubiq_error *error = admin_client_ask(&self->client, &(admin_question){.method = "POST", .path = path}, &answer);
  yyjson_val *root = yyjson_doc_get_root(answer);
  if (error == NULL && self->client.json)
    error = admin_client_print_json(answer);
  else if (error == NULL)
    printf("%s %s (%.12s) is served\n", admin_client_text(root, "project"), admin_client_text(root, "version"),
           admin_client_text(root, "digest"));
  yyjson_doc_free(answer);
  return error;
}

static int run(const command *command, int count, char **arguments) {
  rolling_back self = {0};
  option list[ADMIN_CLIENT_OPTIONS + 1];
  admin_client_options(&self.client, list);
  list[ADMIN_CLIENT_OPTIONS] =
      (option){"to", 0, OPTION_TEXT, "RELEASE", "the first digits of the release to go to", &self.to, 0, 0};
  options given = {.list = list, .count = ADMIN_CLIENT_OPTIONS + 1};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  ubiq_error *error = check(&self);
  if (error != NULL) return command_fail_usage(command, error);
  error = roll_back(&self);
  return error == NULL ? EXIT_OK : admin_client_fail(&self.client, error);
}

const command command_rollback = {
    .name = "rollback",
    .usage = "[OPTIONS]",
    .summary = "let a server go back to a release that it had",
    .details =
        "Without --to a canary ends; where there is none, what was served before is served again. No request is\n"
        "lost.\n",
    .run = run,
};
