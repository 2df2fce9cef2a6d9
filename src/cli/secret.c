// `ubiq secret`: what functions are told and nobody else. Works on the state's folder itself, beside a server or
// without one. A value is never an argument: those are seen by every user of the machine, and kept by shells.
#include "base/digest.h"
#include "base/file.h"
#include "base/waiter.h"
#include "cli/serve_state.h"
#include "runtime/project/project.h"
#include "services/backend/sqlite.h"
#include "services/config/secrets.h"
#include "services/operations.h"
#include "services/services.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

typedef struct secret_command {
  const char *directory, *project_name; ///< NULL: those of the project in the working directory
  bool json;
  const char *name; ///< of `set` and `delete`
} secret_command;

/// A call that this thread waits for.
typedef struct waiting {
  service_call call;
  services services;
  waiter waiter; ///< for the call's end
} waiting;

// ------------------------------------------------------------------------------------------------------------ asking

static void tell(service_call *call) {
  waiter_tell(&((waiting *)(void *)call)->waiter);
}

static void ask(waiting *self, service_handler handler) {
  handler(&self->call);
  waiter_wait(&self->waiter);
}

// ----------------------------------------------------------------------------------------------------------- the value

static volatile sig_atomic_t stopped_by; ///< the signal that came while a value was typed; 0: none

static void note_stop(int number) {
  stopped_by = number;
}

static const int stops[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { STOPS = sizeof stops / sizeof stops[0] };

/// Signals come while it is waited for a line, and at no other time.
static bool wait_for_line(const sigset_t *open) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  while (stopped_by == 0)
    if (ppoll(&input, 1, NULL, open) >= 0) return true;
  return false;
}

/// Asks for a line; a signal ends that, and does what it would have done once the terminal is as it was.
static const char *read_line(const char *name, char *line, size_t size, const struct termios *shown) {
  const struct sigaction note = {.sa_handler = note_stop};
  struct sigaction before[STOPS];
  sigset_t closed, open;
  sigemptyset(&closed);
  for (size_t i = 0; i < STOPS; i++) sigaddset(&closed, stops[i]);
  sigprocmask(SIG_BLOCK, &closed, &open);
  for (size_t i = 0; i < STOPS; i++) sigaction(stops[i], &note, &before[i]);
  fprintf(stderr, "value of %s: ", name);
  const char *got = wait_for_line(&open) ? fgets(line, (int)size, stdin) : NULL;
  tcsetattr(STDIN_FILENO, TCSAFLUSH, shown);
  fputc('\n', stderr);
  for (size_t i = 0; i < STOPS; i++) sigaction(stops[i], &before[i], NULL);
  if (stopped_by != 0) raise(stopped_by);
  sigprocmask(SIG_SETMASK, &open, NULL);
  return got;
}

/// A terminal gives no more of a line than this, and drops the rest of it.
enum { LINE_BYTES_MAX = 4094 };

/// Reads a line of the terminal without showing it.
static ubiq_error *read_hidden(const char *name, buffer *out) {
  struct termios shown, hidden;
  char line[LINE_BYTES_MAX + 2];
  setvbuf(stdin, NULL, _IONBF, 0); // no copy of it stays
  if (tcgetattr(STDIN_FILENO, &shown) != 0) return file_error(errno, "the terminal");
  hidden = shown;
  hidden.c_lflag &= ~(tcflag_t)ECHO;
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  const char *got = read_line(name, line, sizeof line, &shown);
  bool good = got == NULL || buffer_append_string(out, line);
  bool is_cut = got != NULL && strlen(line) > LINE_BYTES_MAX && line[LINE_BYTES_MAX] != '\n';
  digest_wipe(line, sizeof line);
  if (got == NULL) return ubiq_error_new(UBIQ_INVALID_INPUT, "there is no value");
  if (is_cut)
    return ubiq_error_new(UBIQ_TOO_LARGE,
                          "the value has more than the %d bytes that can be typed; expected it on standard input, from "
                          "a file for instance",
                          LINE_BYTES_MAX);
  return good ? NULL : ubiq_error_no_memory();
}

/// One end of line belongs to the terminal or to `echo`, not to the value.
static ubiq_error *read_value(const char *name, buffer *out) {
  ubiq_error *error = isatty(STDIN_FILENO)
                          ? read_hidden(name, out)
                          : file_read_descriptor(STDIN_FILENO, "standard input", SECRETS_VALUE_MAX + 2, out);
  if (error != NULL) return error;
  if (out->size > 0 && out->data[out->size - 1] == '\n') out->size--;
  if (out->size > 0 && out->data[out->size - 1] == '\r') out->size--;
  if (out->size == 0) return ubiq_error_new(UBIQ_INVALID_INPUT, "the value is empty; expected it on standard input");
  if (text_utf8_valid(out->data, out->size)) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "the value is no UTF-8; encode bytes, in base64 for instance");
}

// ------------------------------------------------------------------------------------------------------------ actions

static ubiq_error *set_secret(const secret_command *self, waiting *waiting) {
  buffer value = {0};
  ubiq_error *error = read_value(self->name, &value);
  yyjson_mut_doc *made = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(made);
  yyjson_mut_doc_set_root(made, root);
  bool good = error == NULL && yyjson_mut_obj_add_strncpy(made, root, "value", (const char *)value.data, value.size);
  yyjson_doc *document = good ? yyjson_mut_doc_imut_copy(made, NULL) : NULL;
  if (error == NULL && document == NULL) error = ubiq_error_no_memory();
  if (error == NULL) {
    waiting->call.body = (service_body){.kind = SERVICE_BODY_JSON, .value = yyjson_doc_get_root(document)};
    waiting->call.params[SECRETS_PUT_NAME] = (service_param){.is_given = true, .text = text_of(self->name)};
    ask(waiting, service_secrets_put);
  }
  if (value.size > 0) digest_wipe(value.data, value.size);
  buffer_free(&value);
  yyjson_doc_free(document);
  yyjson_mut_doc_free(made);
  return error;
}

static ubiq_error *delete_secret(const secret_command *self, waiting *waiting) {
  waiting->call.params[SECRETS_DELETE_NAME] = (service_param){.is_given = true, .text = text_of(self->name)};
  ask(waiting, service_secrets_delete);
  return NULL;
}

static void print_names(ubiq_bytes answer) {
  yyjson_doc *document = yyjson_read((const char *)answer.data, answer.size, 0);
  yyjson_val *items = yyjson_obj_get(yyjson_doc_get_root(document), "items"), *item;
  size_t index, max;
  yyjson_arr_foreach(items, index, max, item) printf("%s\n", yyjson_get_str(yyjson_obj_get(item, "name")));
  yyjson_doc_free(document);
}

static ubiq_error *list_secrets(const secret_command *self, waiting *waiting) {
  ask(waiting, service_secrets_list);
  if (waiting->call.error != NULL) return NULL;
  const ubiq_bytes answer = waiting->call.answer.bytes;
  if (self->json)
    printf("%.*s\n", (int)answer.size, (const char *)answer.data);
  else
    print_names(answer);
  return NULL;
}

typedef ubiq_error *(*secret_action)(const secret_command *self, waiting *waiting);

// ------------------------------------------------------------------------------------------------------ the command

static ubiq_error *act(const secret_command *self, const char *project, services *services, secret_action action) {
  waiting waiting = {.services = *services};
  waiter_init(&waiting.waiter);
  arena_init(&waiting.call.arena);
  waiting.call.services = &waiting.services;
  waiting.call.caller = (service_caller){.project = text_of(project), .deadline_ns = UINT64_MAX};
  waiting.call.done = tell;
  ubiq_error *error = action(self, &waiting);
  if (error == NULL) error = waiting.call.error;
  buffer_free(&waiting.call.bytes);
  arena_free(&waiting.call.arena);
  waiter_end(&waiting.waiter);
  return error;
}

static ubiq_error *make_folder(const secret_command *self, const char *directory) {
  return self->directory == NULL ? serving_make_project_folder(directory) : file_make_private_directory(directory);
}

static ubiq_error *act_in(const secret_command *self, const char *directory, const char *project,
                          secret_action action) {
  services services = {0};
  char *path = file_path_join(directory, SQLITE_BACKEND_FILE);
  ubiq_error *error = path == NULL ? ubiq_error_no_memory() : make_folder(self, directory);
  const sqlite_backend_settings settings = {.path = path};
  if (error == NULL) error = sqlite_backend_open(&settings, &services.backend);
  if (error == NULL) error = secrets_open(directory, services.backend, &services.secrets);
  if (error == NULL) error = act(self, project, &services, action);
  secrets_close(services.secrets);
  backend_close(services.backend);
  free(path);
  return error;
}

static ubiq_error *find_and_act(const secret_command *self, secret_action action) {
  project *project = NULL;
  const char *name = self->project_name, *directory = self->directory == NULL ? ".ubiq" : self->directory;
  ubiq_error *error = name != NULL && self->directory != NULL ? NULL : project_read(".", &project);
  if (error == NULL && name == NULL) name = project->name;
  if (error == NULL) error = act_in(self, directory, name, action);
  project_delete(project);
  return error;
}

static secret_action find_action(secret_command *self, const options *given) {
  const char *name = given->positionals_count == 0 ? "" : given->positionals[0];
  if (given->positionals_count == 1) return strcmp(name, "list") == 0 ? list_secrets : NULL;
  if (given->positionals_count != 2) return NULL;
  self->name = given->positionals[1];
  return strcmp(name, "set") == 0 ? set_secret : strcmp(name, "delete") == 0 ? delete_secret : NULL;
}

static int use_secrets(const command *command, int count, char **arguments) {
  secret_command self = {0};
  const option list_of[] = {
      {"state", 0, OPTION_TEXT, "DIR", "the folder of a server's state (default: .ubiq)", &self.directory, 0, 0},
      {"project", 0, OPTION_TEXT, "NAME", "whose secrets (default: of the ubiq.toml here)", &self.project_name, 0, 0},
      {"json", 0, OPTION_FLAG, NULL, "list: print JSON", &self.json, 0, 0},
  };
  const char *positionals[3]; // a value that was given as the third is not to be told again
  options given = {
      .list = list_of, .count = sizeof list_of / sizeof list_of[0], .positionals = positionals, .positionals_max = 3};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  secret_action action = find_action(&self, &given);
  if (action == NULL)
    return command_fail_usage(command, ubiq_error_new(UBIQ_INVALID_INPUT,
                                                      "expected list, or set or delete and a secret's name; a value is "
                                                      "read from standard input"));
  ubiq_error *error = find_and_act(&self, action);
  return error == NULL ? EXIT_OK : command_fail(error);
}

const command command_secret = {
    .name = "secret",
    .usage = "set NAME|delete NAME|list [OPTIONS]",
    .summary = "set, list and delete the secrets of a project's functions",
    .details =
        "`set` reads the value from standard input, or asks for it on a terminal without showing it. Functions read "
        "it\n"
        "by `GET /v1/secrets/NAME`; nothing else does. Secrets are kept sealed in the folder of a server's state, or "
        "of\n"
        "`ubiq serve PROJECT` and `ubiq dev` in the project's `.ubiq`, while it runs, too; the key is in the file\n"
        "`secrets.key` beside them.\n",
    .words = "set delete list",
    .run = use_secrets,
};
