// `ubiq compile`: compiles a plugin to a file that `ubiq call` and ubiq_compiled_load take without compiling.
#include "base/file.h"
#include "cli/call_report.h"
#include "cli/command.h"
#include "cli/plugin_source.h"
#include "plugin/compile/artifact.h"

#include <stdlib.h>
#include <yyjson.h>

enum { OPTIONS = 7 };

typedef struct compiling {
  // From the command line.
  plugin_source source;
  const char *output; ///< a file, or a folder for the default name; NULL: the working directory
  const char *log_level;
  bool json;

  uint8_t *bytes;
  size_t size;
  char *path; ///< where they were written
} compiling;

static ubiq_error *choose_path(compiling *self) {
  buffer name = {0};
  char *short_name = plugin_source_short_name(&self->source);
  bool good = short_name != NULL && buffer_printf(&name, "%s" ARTIFACT_SUFFIX, short_name);
  free(short_name);
  char *file_name = good ? buffer_take_string(&name) : NULL;
  buffer_free(&name);
  if (self->output == NULL)
    self->path = file_name;
  else
    self->path = file_is_directory(self->output) ? file_path_join(self->output, file_name) : strdup(self->output);
  if (self->path != file_name) free(file_name);
  return self->path == NULL ? ubiq_error_no_memory() : NULL;
}

/// The file is its user's alone, as the key is.
static ubiq_error *compile(compiling *self) {
  ubiq_error *error = choose_path(self);
  if (error == NULL) error = plugin_source_precompile(&self->source, &self->bytes, &self->size);
  if (error == NULL) error = file_write_atomic(self->path, 0600, self->bytes, self->size);
  return error;
}

static bool write_json(const compiling *self, buffer *line) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, root);
  bool good = yyjson_mut_obj_add_str(document, root, "path", self->path) &&
              yyjson_mut_obj_add_uint(document, root, "size", self->size);
  size_t size = 0;
  char *json = good ? yyjson_mut_write(document, YYJSON_WRITE_ALLOW_INVALID_UNICODE, &size) : NULL;
  good = json != NULL && buffer_append(line, json, size) && buffer_append_byte(line, '\n');
  free(json);
  yyjson_mut_doc_free(document);
  return good;
}

static ubiq_error *report(const compiling *self) {
  if (!self->json) {
    fprintf(stderr, "%s: %zu bytes\n", self->path, self->size);
    return NULL;
  }
  buffer line = {0};
  ubiq_error *error = write_json(self, &line) ? call_report_write(buffer_bytes(&line)) : ubiq_error_no_memory();
  buffer_free(&line);
  return error;
}

static ubiq_error *check(compiling *self, const options *given) {
  if (given->positionals_count < 1) return ubiq_error_new(UBIQ_INVALID_INPUT, "PLUGIN is missing");
  self->source.name = given->positionals[0];
  return command_set_log_level(self->log_level);
}

static int run(const command *command, int count, char **arguments) {
  compiling self = {.log_level = "info"};
  const option list[OPTIONS] = {
      {"output", 'o', OPTION_TEXT, "FILE", "where to write it, or in which folder (default: here)", &self.output, 0, 0},
      {"wasi", 0, OPTION_FLAG, NULL, "provide WASI preview 1", &self.source.wasi, 0, 0},
      {"fuel", 0, OPTION_NUMBER, "N", "count fuel, N for a call where `ubiq call` says no other", &self.source.fuel, 1,
       0},
      {"manifest", 'm', OPTION_FLAG, NULL, "PLUGIN is a manifest (otherwise its first bytes tell)",
       &self.source.is_manifest, 0, 0},
      {"json", 0, OPTION_FLAG, NULL, "print what was written as a JSON object", &self.json, 0, 0},
      {"log-level", 0, OPTION_TEXT, "LEVEL", "trace, debug, info (default), warn, error or off", &self.log_level, 0, 0},
      {"engine", 0, OPTION_TEXT, "NAME", "which WebAssembly engine, of those that `ubiq engines` lists",
       &self.source.engine, 0, 0},
  };
  const char *positionals[1];
  options given = {.list = list, .count = OPTIONS, .positionals = positionals, .positionals_max = 1};
  int code = EXIT_OK;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_GO) {
    ubiq_error *error = check(&self, &given);
    if (error != NULL) {
      code = command_fail_usage(command, error);
    } else {
      error = compile(&self);
      if (error == NULL) error = report(&self);
      if (error != NULL) code = command_fail(error);
    }
  }
  free(self.bytes);
  free(self.path);
  return code;
}

const command command_compile = {
    .name = "compile",
    .usage = "PLUGIN [OPTIONS]",
    .summary = "compile a plugin to a file that loads at once",
    .details =
        "PLUGIN is what `ubiq call` takes: a module, a manifest, a URL, or - for standard input. The file, PLUGIN's "
        "name\n"
        "with " ARTIFACT_SUFFIX ", holds native code for this machine and is for you alone: `ubiq call` and\n"
        "ubiq_compiled_load take it from the user who made it, with the same engine and CPU, and compile nothing.\n"
        "\n"
        "Modules become part of the file. Config, permissions and limits are those of the manifest; options of\n"
        "`ubiq call` stand over them. WASI, fuel and the engine are decided here.\n"
        "\n"
        "Examples:\n"
        "  ubiq compile greet.wasm\n"
        "  ubiq compile plugin.json -o build/ --wasi\n"
        "  ubiq call greet" ARTIFACT_SUFFIX " hello --input Ada\n",
    .run = run,
};
