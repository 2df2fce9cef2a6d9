// `ubiq key`: keys that sign bundles.
#include "cli/command.h"
#include "runtime/bundle_signature.h"

#include <string.h>

static int run(const command *command, int count, char **arguments) {
  const char *positionals[2];
  options given = {.positionals = positionals, .positionals_max = 2};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  if (given.positionals_count != 2 || strcmp(positionals[0], "new") != 0)
    return command_fail_usage(command, ubiq_error_new(UBIQ_INVALID_INPUT, "expected `new` and a file's name"));
  ubiq_error *error = bundle_key_new(positionals[1]);
  if (error != NULL) return command_fail(error);
  fprintf(stderr,
          "%s is secret, and signs: ubiq build --sign %s\n%s.pub is for servers: ubiq serve --require-signature "
          "%s.pub\n",
          positionals[1], positionals[1], positionals[1], positionals[1]);
  return EXIT_OK;
}

const command command_key = {
    .name = "key",
    .usage = "new FILE",
    .summary = "make a pair of keys to sign bundles with",
    .details = "FILE gets the secret key, which only you may read, FILE.pub the public one. They are of Ed25519.\n",
    .words = "new",
    .run = run,
};
