// `ubiq promote`: gives a canary all requests.
#include "cli/admin_client.h"

static ubiq_error *show(yyjson_val *root) {
  printf("%s %s (%.12s) is served\n", admin_client_text(root, "project"), admin_client_text(root, "version"),
         admin_client_text(root, "digest"));
  return NULL;
}

static int run(const command *command, int count, char **arguments) {
  return admin_client_run(command, count, arguments, "POST", "/v1/promote", show);
}

const command command_promote = {
    .name = "promote",
    .usage = "[OPTIONS]",
    .summary = "give a canary all requests",
    .details = "The release of `ubiq deploy --canary` becomes the current one.\n",
    .run = run,
};
