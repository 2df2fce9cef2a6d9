// `ubiq new`: a project with a function, or a function more in a project. Nothing that is there is written over.
#include "base/file.h"
#include "cli/call_report.h"
#include "cli/command.h"
#include "cli/new_templates.h"
#include "runtime/project/project.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yyjson.h>

enum { NAME_BYTES_MAX = 64, NEW_OPTIONS = 2 };

static const char first_function[] = "hello";

/// A file that is to be made.
typedef struct made_file {
  char *path; ///< owned
  buffer content;
} made_file;

typedef struct making {
  const char *directory; ///< of the project
  const char *name;      ///< of the function
  const new_template *template;
  bool json;
  buffer toml; ///< what ubiq.toml is to say
  made_file files[NEW_TEMPLATE_FILES_MAX];
  size_t files_count;
} making;

// ------------------------------------------------------------------------------------------ templates

static bool append_identifier(buffer *out, const char *name) {
  bool good = true;
  for (; good && *name != '\0'; name++) good = buffer_append_byte(out, *name == '-' ? '_' : (uint8_t)*name);
  return good;
}

static bool expand(buffer *out, const char *content, const char *name) {
  static const text by_name = {"@NAME@", 6}, by_identifier = {"@ID@", 4};
  bool good = true;
  while (good && *content != '\0') {
    if (text_starts_with(text_of(content), by_name)) {
      good = buffer_append_string(out, name);
      content += by_name.size;
    } else if (text_starts_with(text_of(content), by_identifier)) {
      good = append_identifier(out, name);
      content += by_identifier.size;
    } else {
      good = buffer_append_byte(out, (uint8_t)*content++);
    }
  }
  return good;
}

/// The path of a file of the project; the caller's (free). NULL: out of memory.
static char *path_of(const making *self, const char *file) {
  return file_path_join(strcmp(self->directory, ".") == 0 ? "" : self->directory, file);
}

/// Fills in what the files are to be.
static ubiq_error *expand_files(making *self) {
  bool good = true;
  for (const new_file *file = self->template->files; good && file->path != NULL; file++) {
    made_file *made = &self->files[self->files_count++];
    buffer path = {0};
    good = expand(&path, file->path, self->name) && buffer_string(&path) != NULL &&
           (made->path = path_of(self, (const char *)path.data)) != NULL &&
           expand(&made->content, file->content, self->name);
    buffer_free(&path);
  }
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *find_template(const char *name, const new_template **out) {
  size_t count = 0;
  const new_template *list = new_template_list(&count);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(list[i].name, name) != 0) continue;
    *out = &list[i];
    return NULL;
  }
  return ubiq_error_new(UBIQ_INVALID_INPUT, "--template is \"%s\"; expected c, cpp, rust, go or component", name);
}

// -------------------------------------------------------------------------------------------- writing

static ubiq_error *make_folder(const char *path) {
  if (mkdir(path, 0777) == 0 || errno == EEXIST) return NULL;
  if (errno != ENOENT) return file_error(errno, path);
  char *above = file_path_directory(path);
  ubiq_error *error = above == NULL ? ubiq_error_no_memory() : make_folder(above);
  free(above);
  if (error == NULL && mkdir(path, 0777) != 0 && errno != EEXIST) error = file_error(errno, path);
  return error;
}

static ubiq_error *is_there(const char *path) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is there already; nothing was written", path);
}

/// Makes a file that is not there, and the folders to it.
static ubiq_error *write_new(const char *path, const buffer *content) {
  char *folder = file_path_directory(path);
  ubiq_error *error = folder == NULL ? ubiq_error_no_memory() : make_folder(folder);
  free(folder);
  if (error != NULL) return error;
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return errno == EEXIST ? is_there(path) : file_error(errno, path);
  for (size_t written = 0; error == NULL && written < content->size;) {
    ssize_t part = write(file, content->data + written, content->size - written);
    if (part < 0) error = file_error(errno, path);
    if (part > 0) written += (size_t)part;
  }
  if (close(file) != 0 && error == NULL) error = file_error(errno, path);
  return error;
}

static ubiq_error *check_free(const making *self) {
  for (size_t i = 0; i < self->files_count; i++)
    if (file_exists(self->files[i].path)) return is_there(self->files[i].path);
  return NULL;
}

static ubiq_error *write_files(const making *self) {
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < self->files_count; i++)
    error = write_new(self->files[i].path, &self->files[i].content);
  return error;
}

// ------------------------------------------------------------------------------- a project, a function

/// What the file is to say is read before anything is written.
static ubiq_error *check_toml(const making *self, const char *path) {
  project *project = NULL;
  ubiq_error *error = project_parse(self->directory, path, self->toml.data, self->toml.size, &project);
  if (error == NULL) project_delete(project);
  return error;
}

static ubiq_error *make_project(making *self, const char *path) {
  const char *slash = strrchr(self->directory, '/');
  const char *name = slash == NULL ? self->directory : slash + 1;
  self->name = first_function;
  if (file_exists(path)) return is_there(path);
  bool good = expand(&self->toml, new_project_head, name) && buffer_append_byte(&self->toml, '\n') &&
              expand(&self->toml, self->template->table, self->name);
  ubiq_error *error = good ? expand_files(self) : ubiq_error_no_memory();
  if (error == NULL) error = check_toml(self, path);
  if (error == NULL) error = check_free(self);
  if (error == NULL) error = write_files(self);
  return error != NULL ? error : write_new(path, &self->toml);
}

static ubiq_error *check_name_is_free(const making *self) {
  project *project = NULL;
  ubiq_error *error = project_read(self->directory, &project);
  if (error != NULL) return error;
  for (size_t i = 0; error == NULL && i < project->functions_count; i++)
    if (strcmp(project->functions[i].name, self->name) == 0)
      error = ubiq_error_new(UBIQ_INVALID_INPUT, PROJECT_FILE " has a function \"%s\" already; nothing was written",
                             self->name);
  project_delete(project);
  return error;
}

static ubiq_error *append_table(making *self, const char *path) {
  ubiq_error *error = file_read_all(path, PROJECT_FILE_BYTES_MAX, &self->toml);
  if (error != NULL) return error;
  bool is_ended = self->toml.size == 0 || self->toml.data[self->toml.size - 1] == '\n';
  bool good = (is_ended || buffer_append_byte(&self->toml, '\n')) && buffer_append_byte(&self->toml, '\n') &&
              expand(&self->toml, self->template->table, self->name);
  return good ? check_toml(self, path) : ubiq_error_no_memory();
}

static ubiq_error *make_function(making *self, const char *path) {
  ubiq_error *error = check_name_is_free(self);
  if (error == NULL) error = append_table(self, path);
  if (error == NULL) error = expand_files(self);
  if (error == NULL) error = check_free(self);
  if (error == NULL) error = write_files(self);
  return error != NULL ? error : file_write_atomic(path, 0644, self->toml.data, self->toml.size);
}

// ------------------------------------------------------------------------------------------- the command

/// Names are parts of paths, routes and packages.
static ubiq_error *check_name(const char *name) {
  size_t size = strlen(name);
  bool is_good = size > 0 && size <= NAME_BYTES_MAX && islower((unsigned char)name[0]);
  for (size_t i = 0; is_good && i < size; i++)
    is_good = islower((unsigned char)name[i]) || isdigit((unsigned char)name[i]) || name[i] == '-' || name[i] == '_';
  if (is_good) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "\"%s\" is no good name; expected a to z, then also digits, '-' and '_', at most %d", name,
                        NAME_BYTES_MAX);
}

static ubiq_error *print_json(const making *self, const char *path) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, root);
  bool good = yyjson_mut_obj_add_str(document, root, "project", path);
  yyjson_mut_val *files = yyjson_mut_obj_add_arr(document, root, "files");
  for (size_t i = 0; good && i < self->files_count; i++)
    good = yyjson_mut_arr_add_str(document, files, self->files[i].path);
  size_t size = 0;
  char *json = good ? yyjson_mut_write(document, YYJSON_WRITE_NEWLINE_AT_END, &size) : NULL;
  ubiq_error *error =
      json == NULL ? ubiq_error_no_memory() : call_report_write((ubiq_bytes){(const uint8_t *)json, size});
  free(json);
  yyjson_mut_doc_free(document);
  return error;
}

static ubiq_error *report(const making *self, const char *path) {
  if (self->json) return print_json(self, path);
  printf("%s\n", path);
  for (size_t i = 0; i < self->files_count; i++) printf("%s\n", self->files[i].path);
  fprintf(stderr, "To build it takes %s. `ubiq dev %s` serves it, `ubiq test %s` tests it.\n", self->template->needs,
          self->directory, self->directory);
  return NULL;
}

static ubiq_error *make(making *self, bool is_function) {
  char *path = path_of(self, PROJECT_FILE);
  if (path == NULL) return ubiq_error_no_memory();
  ubiq_error *error = is_function ? make_function(self, path) : make_project(self, path);
  if (error == NULL) error = report(self, path);
  free(path);
  return error;
}

/// `new NAME`, `new function NAME`.
static ubiq_error *check(making *self, const options *given, const char *template, bool *is_function) {
  *is_function = given->positionals_count > 0 && strcmp(given->positionals[0], "function") == 0;
  size_t wanted = *is_function ? 2 : 1;
  if (given->positionals_count < wanted) return ubiq_error_new(UBIQ_INVALID_INPUT, "NAME is missing");
  if (given->positionals_count > wanted)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "unexpected argument \"%s\"; see --help", given->positionals[wanted]);
  const char *name = given->positionals[wanted - 1], *slash = strrchr(name, '/');
  self->directory = *is_function ? "." : name;
  self->name = *is_function ? name : NULL;
  ubiq_error *error = check_name(*is_function || slash == NULL ? name : slash + 1);
  return error != NULL ? error : find_template(template, &self->template);
}

static int new (const command *command, int count, char **arguments) {
  making self = {0};
  const char *template = "c";
  const option list[NEW_OPTIONS] = {
      {"template", 't', OPTION_TEXT, "LANGUAGE", "c (default), cpp, rust, go, or component (in Rust)", &template, 0, 0},
      {"json", 0, OPTION_FLAG, NULL, "print what was made as one JSON object", &self.json, 0, 0},
  };
  const char *positionals[2];
  options given = {.list = list, .count = NEW_OPTIONS, .positionals = positionals, .positionals_max = 2};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  bool is_function = false;
  ubiq_error *error = check(&self, &given, template, &is_function);
  if (error != NULL) return command_fail_usage(command, error);
  error = make(&self, is_function);
  for (size_t i = 0; i < self.files_count; i++) {
    free(self.files[i].path);
    buffer_free(&self.files[i].content);
  }
  buffer_free(&self.toml);
  return error == NULL ? EXIT_OK : command_fail(error);
}

const command command_new = {
    .name = "new",
    .usage = "[function] NAME [OPTIONS]",
    .summary = "make a project, or a function in the project here",
    .details =
        "`new NAME` makes the folder NAME with a ubiq.toml, a function and a test case for it; `new function NAME`\n"
        "adds a function and its test case to the project in the working directory. Nothing that is there is\n"
        "written over.\n",
    .words = "function",
    .run = new,
};
