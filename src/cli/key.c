// `ubiq key`: keys that sign bundles.
#include "base/json_write.h"
#include "cli/call_report.h"
#include "cli/command.h"
#include "runtime/bundle/bundle_signature.h"

#include <string.h>

static ubiq_error *report_json(const char *file) {
  buffer name = {0}, line = {0};
  bool good = buffer_printf(&name, "%s.pub", file) && buffer_append_string(&line, "{\"secret_key\":") &&
              json_write_text(&line, text_of(file)) && buffer_append_string(&line, ",\"public_key\":") &&
              json_write_text(&line, (text){(const char *)name.data, name.size}) && buffer_append_string(&line, "}\n");
  ubiq_error *error = good ? call_report_write(buffer_bytes(&line)) : ubiq_error_no_memory();
  buffer_free(&name);
  buffer_free(&line);
  return error;
}

static ubiq_error *report(const char *file, bool json) {
  if (json) return report_json(file);
  fprintf(stderr,
          "%s is secret, and signs: ubiq build --sign %s\n%s.pub is for servers: ubiq serve --require-signature "
          "%s.pub\n",
          file, file, file, file);
  return NULL;
}

static int run(const command *command, int count, char **arguments) {
  const char *positionals[2];
  bool json = false;
  const option list[] = {{"json", 0, OPTION_FLAG, NULL, "print the files' names as JSON", &json, 0, 0}};
  options given = {.list = list, .count = 1, .positionals = positionals, .positionals_max = 2};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  if (given.positionals_count != 2 || strcmp(positionals[0], "new") != 0)
    return command_fail_usage(command, ubiq_error_new(UBIQ_INVALID_INPUT, "expected `new` and a file's name"));
  ubiq_error *error = bundle_key_new(positionals[1]);
  if (error == NULL) error = report(positionals[1], json);
  return error == NULL ? EXIT_OK : command_fail(error);
}

const command command_key = {
    .name = "key",
    .usage = "new FILE [OPTIONS]",
    .summary = "make a pair of keys to sign bundles with",
    .details = "FILE gets the secret key, which only you may read, FILE.pub the public one. They are of Ed25519.\n",
    .words = "new",
    .run = run,
};
