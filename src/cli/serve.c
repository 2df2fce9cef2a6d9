// `ubiq serve`: serves a project or a bundle until it is told to stop.
#include "base/file.h"
#include "cli/serving.h"

#include <stdlib.h>

/// What is no folder is taken for a bundle, unless nothing is there and the name does not end as a bundle's does.
static bool is_bundle(const char *place) {
  return !file_is_directory(place) && (file_exists(place) || text_ends_with(text_of(place), TEXT(BUNDLE_SUFFIX)));
}

static ubiq_error *read_bundle(const char *path, const option_list *hosts, release **out) {
  const release_grant grant = {.hosts = hosts->values, .hosts_count = hosts->count};
  bundle *bundle = NULL;
  ubiq_error *error = bundle_read(path, &bundle);
  if (error == NULL) error = release_from_bundle(bundle, &grant, out);
  bundle_delete(bundle);
  return error;
}

static ubiq_error *read_release(const char *place, const option_list *hosts, release **out) {
  if (is_bundle(place)) return read_bundle(place, hosts, out);
  if (hosts->count > 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "%s: is no bundle; expected --allow-host with a bundle only, a folder's " PROJECT_FILE
                          " says allowed_hosts itself",
                          place);
  return release_read(place, NULL, out);
}

static int serve_until_told(const command *self, serving *serving, const options *given, const option_list *hosts) {
  ubiq_error *error = serving_prepare(serving, given);
  if (error != NULL) return command_fail_usage(self, error);
  release *release = NULL;
  error = read_release(serving->directory, hosts, &release);
  if (error != NULL) return command_fail(error);
  int code = EXIT_OK;
  error = serving_open(serving);
  if (error == NULL) {
    error = serving_start(serving, release);
    if (error == NULL) code = serving_run(serving);
    serving_end(serving);
  }
  release_delete(release);
  return error == NULL ? code : command_fail(error);
}

static int serve(const command *self, int count, char **arguments) {
  serving serving;
  option_list hosts = {0};
  option list[SERVING_OPTIONS + 1];
  serving_options(&serving, list);
  list[SERVING_OPTIONS] = (option){"allow-host",
                                   0,
                                   OPTION_LIST,
                                   "HOST",
                                   "grant a bundle an entry of its allowed_hosts; may be repeated",
                                   &hosts,
                                   0,
                                   0};
  const char *positionals[1];
  options given = {.list = list, .count = SERVING_OPTIONS + 1, .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(self, &given, count, arguments, &code) == COMMAND_GO)
    code = serve_until_told(self, &serving, &given, &hosts);
  free(hosts.values);
  return code;
}

const command command_serve = {
    .name = "serve",
    .usage = "[DIR|BUNDLE] [OPTIONS]",
    .summary = "serve the functions of a project over HTTP",
    .details =
        "DIR is a folder with a ubiq.toml, BUNDLE what `ubiq build` made of one; the default is the working\n"
        "directory. A bundle makes requests only to the hosts that --allow-host grants. When it is ready to take\n"
        "requests, the line `listening on http://HOST:PORT` is printed. SIGTERM and SIGINT stop it: nothing new\n"
        "is taken, what is under way is finished; a second signal ends it at once.\n",
    .run = serve,
};
