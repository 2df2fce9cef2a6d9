// `ubiq build`: puts a project into one file.
#include "base/file.h"
#include "cli/call_report.h"
#include "cli/command.h"
#include "runtime/bundle/bundle_build.h"
#include "runtime/bundle/bundle_signature.h"
#include "runtime/release/release.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

typedef struct building {
  // From the command line.
  const char *directory;
  const char *output; ///< a file, or a folder for the default name; NULL: the working directory
  const char *log_level;
  const char *key; ///< a secret key's file to sign it with; NULL: it is not signed
  bool json;

  bundle_built built;
} building;

/// What was made is read as it will be read to be served: what cannot be served is not built.
static ubiq_error *check(const building *self) {
  bundle *bundle = NULL;
  release *release = NULL;
  const release_grant grant = {.all_hosts = true};
  ubiq_error *error = bundle_parse(self->built.file_name, buffer_bytes(&self->built.bytes), &bundle);
  if (error == NULL) error = release_from_bundle(bundle, &grant, &release);
  if (error == NULL) release_delete(release);
  bundle_delete(bundle);
  return error;
}

/// Where it is written. The result is the caller's (free); NULL: out of memory.
static char *choose_path(const building *self) {
  if (self->output == NULL) return strdup(self->built.file_name);
  return file_is_directory(self->output) ? file_path_join(self->output, self->built.file_name) : strdup(self->output);
}

static ubiq_error *write_signature(const building *self, const char *bundle_path) {
  uint8_t signature[SIGNATURE_SIZE];
  buffer path = {0};
  if (!buffer_printf(&path, "%s" BUNDLE_SIGNATURE_SUFFIX, bundle_path)) return ubiq_error_no_memory();
  ubiq_error *error = bundle_sign(self->key, self->built.digest, signature);
  if (error == NULL) error = bundle_signature_write((const char *)path.data, signature);
  buffer_free(&path);
  return error;
}

static ubiq_error *write_bundle(const building *self, char **path) {
  *path = choose_path(self);
  if (*path == NULL) return ubiq_error_no_memory();
  ubiq_error *error = self->key == NULL ? NULL : write_signature(self, *path);
  if (error != NULL) return error;
  return file_write_atomic(*path, 0644, self->built.bytes.data, self->built.bytes.size);
}

static ubiq_error *build(building *self, char **path) {
  project *project = NULL;
  ubiq_error *error = project_read(self->directory, &project);
  if (error == NULL) error = bundle_build(project, &self->built);
  project_delete(project);
  if (error == NULL) error = check(self);
  return error != NULL ? error : write_bundle(self, path);
}

// ---------------------------------------------------------------------------------------------------------- report

static ubiq_error *write_line(const buffer *line, bool good) {
  return good ? call_report_write(buffer_bytes(line)) : ubiq_error_no_memory();
}

static bool describe(const building *self, const char *path, buffer *line) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, root);
  bool good = yyjson_mut_obj_add_str(document, root, "path", path) &&
              yyjson_mut_obj_add_uint(document, root, "size", self->built.bytes.size) &&
              yyjson_mut_obj_add_str(document, root, "sha256", self->built.digest);
  size_t size = 0;
  char *json = good ? yyjson_mut_write(document, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &size) : NULL;
  good = json != NULL && buffer_append(line, json, size) && buffer_append_byte(line, '\n');
  free(json);
  yyjson_mut_doc_free(document);
  return good;
}

static int report(const building *self, const char *path) {
  buffer line = {0};
  ubiq_error *error = NULL;
  if (self->json)
    error = write_line(&line, describe(self, path, &line));
  else
    fprintf(stderr, "%s: %zu bytes, SHA-256 %s\n", path, self->built.bytes.size, self->built.digest);
  buffer_free(&line);
  return error == NULL ? EXIT_OK : command_fail(error);
}

static int report_failure(const building *self, ubiq_error *error) {
  buffer line = {0};
  if (self->json) {
    bool good = call_report_json(&line, &(call_result){.error = error});
    ubiq_error_delete(write_line(&line, good)); // the first error is the one to tell
  }
  buffer_free(&line);
  return command_fail(error);
}

// ------------------------------------------------------------------------------------------------------ the command

static int run(const command *self, int count, char **arguments) {
  building building = {.log_level = "info"};
  const option list[] = {
      {"output", 'o', OPTION_TEXT, "FILE", "where to write it (default NAME-VERSION-DIGEST.ubiq); may be a folder",
       &building.output, 0, 0},
      {"sign", 0, OPTION_TEXT, "KEYFILE", "sign it with a secret key of `ubiq key new`, into BUNDLE.sig", &building.key,
       0, 0},
      {"json", 0, OPTION_FLAG, NULL, "print one JSON object", &building.json, 0, 0},
      {"log-level", 0, OPTION_TEXT, "LEVEL", "trace, debug, info (default), warn, error or off", &building.log_level, 0,
       0},
  };
  const char *positionals[1];
  options given = {
      .list = list, .count = sizeof list / sizeof list[0], .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(self, &given, count, arguments, &code) == COMMAND_STOP) return code;
  building.directory = given.positionals_count > 0 ? positionals[0] : ".";
  ubiq_error *error = command_set_log_level(building.log_level);
  if (error != NULL) return command_fail_usage(self, error);
  char *path = NULL;
  error = build(&building, &path);
  code = error == NULL ? report(&building, path) : report_failure(&building, error);
  bundle_built_free(&building.built);
  free(path);
  return code;
}

const command command_build = {
    .name = "build",
    .usage = "[DIR] [OPTIONS]",
    .summary = "put a project into one file, a bundle",
    .details =
        "DIR is a folder with a ubiq.toml; the default is the working directory. Sources are compiled and build\n"
        "commands run; the bundle holds what came of it and is all that `ubiq serve` needs. The same project,\n"
        "built by the same tools, makes the same bytes. Its path, size and SHA-256 go to standard error, with\n"
        "--json to standard output.\n",
    .run = run,
};
