// `ubiq api-key`: makes a key for those who call a project's functions.
#include "cli/command.h"
#include "runtime/auth/auth.h"
#include "yyjson.h"

#include <stdlib.h>

static ubiq_error *print_json(const char *name, const char *key, const char *hash) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, root);
  bool good = yyjson_mut_obj_add_str(document, root, "name", name) &&
              yyjson_mut_obj_add_str(document, root, "key", key) &&
              yyjson_mut_obj_add_str(document, root, "hash", hash);
  char *json = good ? yyjson_mut_write(document, 0, NULL) : NULL;
  if (json != NULL) printf("%s\n", json);
  yyjson_mut_doc_free(document);
  ubiq_error *error = json != NULL ? NULL : ubiq_error_no_memory();
  free(json);
  return error;
}

static bool is_name(text name) {
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!good) return false;
  }
  return name.size > 0 && name.size <= 64;
}

static int run(const command *command, int count, char **arguments) {
  bool json = false;
  const char *positionals[1];
  const option list[] = {{"json", 0, OPTION_FLAG, NULL, "print name, key and hash as JSON", &json, 0, 0}};
  options given = {.list = list, .count = 1, .positionals = positionals, .positionals_max = 1};
  int code = EXIT_OK;
  if (command_begin(command, &given, count, arguments, &code) != COMMAND_GO) return code;
  if (given.positionals_count == 0 || !is_name(text_of(positionals[0])))
    return command_fail_usage(command,
                              ubiq_error_new(UBIQ_INVALID_INPUT, "a name is missing; expected letters, digits, "
                                                                 "'-' and '_' that say whose key it is"));
  char key[AUTH_KEY_SIZE], hash[7 + DIGEST_SHA256_HEX_SIZE];
  auth_api_key_new(key, hash);
  ubiq_error *error = NULL;
  if (json)
    error = print_json(positionals[0], key, hash);
  else
    printf("The key, which nobody can show again; it goes into the header X-API-Key:\n\n  %s\n\n"
           "For ubiq.toml:\n\n  [auth.api_keys]\n  %s = \"%s\"\n",
           key, positionals[0], hash);
  digest_wipe(key, sizeof key);
  return error != NULL ? command_fail(error) : code;
}

const command command_api_key = {
    .name = "api-key",
    .usage = "NAME [OPTIONS]",
    .summary = "make a key for those who call a project's functions",
    .details = "NAME says whose it is: functions with `input = \"request\"` see it. The key itself is nowhere kept; "
               "ubiq.toml\n"
               "has its hash. To take a key back, remove its line.\n",
    .run = run,
};
