// `ubiq doctor`: whether this machine has what building and serving functions takes.
#include "cli/call_report.h"
#include "cli/command.h"
#include "cli/doctor_checks.h"
#include "cli/serve_state.h"

#include <stdlib.h>
#include <unistd.h>
#include <yyjson.h>

enum { DOCTOR_OPTIONS = 4 };

static const char *const words[] = {[FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_FAIL] = "fail"};

static const char *colour(finding_state state) {
  static const char *const colours[] = {
      [FINDING_OK] = "\033[32m", [FINDING_WARN] = "\033[33m", [FINDING_FAIL] = "\033[1;31m"};
  return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL ? colours[state] : "";
}

static void print_text(const buffer *text_of_it) {
  buffer shown = {0};
  const text value = {(const char *)text_of_it->data, text_of_it->size};
  if (text_escape(&shown, value)) fwrite(shown.data, 1, shown.size, stdout);
  buffer_free(&shown);
}

static void print_line(const finding *finding) {
  const char *begin = colour(finding->state);
  printf("%s%-4s%s  %-12s ", begin, words[finding->state], begin[0] == '\0' ? "" : "\033[0m", finding->name);
  print_text(&finding->message);
  if (finding->advice.size > 0) {
    printf("\n                    ");
    print_text(&finding->advice);
  }
  putchar('\n');
  fflush(stdout);
}

static bool add_finding(yyjson_mut_doc *document, yyjson_mut_val *list, const finding *finding) {
  yyjson_mut_val *one = yyjson_mut_arr_add_obj(document, list);
  buffer message = {0};
  bool good =
      yyjson_mut_obj_add_str(document, one, "name", finding->name) &&
      yyjson_mut_obj_add_str(document, one, "state", words[finding->state]) &&
      text_escape(&message, (text){(const char *)finding->message.data, finding->message.size}) &&
      yyjson_mut_obj_add_strncpy(document, one, "message", (const char *)message.data, message.size) &&
      (finding->advice.size == 0 ||
       yyjson_mut_obj_add_strncpy(document, one, "advice", (const char *)finding->advice.data, finding->advice.size));
  buffer_free(&message);
  return good;
}

static ubiq_error *print_json(const yyjson_mut_doc *document) {
  size_t size = 0;
  char *json = yyjson_mut_write(document, YYJSON_WRITE_NEWLINE_AT_END, &size);
  ubiq_error *error =
      json == NULL ? ubiq_error_no_memory() : call_report_write((ubiq_bytes){(const uint8_t *)json, size});
  free(json);
  return error;
}

/// Looks at one thing and tells of it; `*worst` becomes worse with it.
static ubiq_error *look(const doctor_check *check, const doctor_question *question, yyjson_mut_doc *document,
                        yyjson_mut_val *list, finding_state *worst) {
  finding finding = {.name = check->name};
  ubiq_error *error = check->look(question, &finding);
  if (error == NULL && list != NULL && !add_finding(document, list, &finding)) error = ubiq_error_no_memory();
  if (error == NULL && list == NULL) print_line(&finding);
  if (finding.state > *worst) *worst = finding.state;
  buffer_free(&finding.message);
  buffer_free(&finding.advice);
  return error;
}

static ubiq_error *look_at_all(const doctor_question *question, bool json, finding_state *worst) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *list = json ? yyjson_mut_arr(document) : NULL;
  size_t count = 0;
  const doctor_check *checks = doctor_check_list(&count);
  ubiq_error *error = document == NULL || (json && list == NULL) ? ubiq_error_no_memory() : NULL;
  for (size_t i = 0; error == NULL && i < count; i++) error = look(&checks[i], question, document, list, worst);
  if (error == NULL && json) {
    yyjson_mut_doc_set_root(document, list);
    error = print_json(document);
  }
  yyjson_mut_doc_free(document);
  return error;
}

static int examine(const command *command, int count, char **arguments) {
  doctor_question question = {.listen = server_settings_default.listen, .admin = SERVE_STATE_ADMIN};
  bool json = false;
  const option list[DOCTOR_OPTIONS] = {
      {"state", 0, OPTION_TEXT, "DIR", "the state of a server (default: this machine's, when there is one)",
       &question.state, 0, 0},
      {"listen", 'l', OPTION_TEXT, "HOST:PORT", "where it is to listen (default 127.0.0.1:8080)", &question.listen, 0,
       0},
      {"admin", 0, OPTION_TEXT, "HOST:PORT", "and its admin API (default " SERVE_STATE_ADMIN ")", &question.admin, 0,
       0},
      {"json", 0, OPTION_FLAG, NULL, "print a JSON array", &json, 0, 0},
  };
  options given = {.list = list, .count = DOCTOR_OPTIONS};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  finding_state worst = FINDING_OK;
  ubiq_error *error = look_at_all(&question, json, &worst);
  if (error != NULL) return command_fail(error);
  return worst == FINDING_FAIL ? ubiq_code_exit(UBIQ_UNAVAILABLE) : EXIT_OK;
}

const command command_doctor = {
    .name = "doctor",
    .usage = "[OPTIONS]",
    .summary = "check whether this machine has what functions take",
    .details =
        "Each line says ok, warn (something works less well, or a tool that not everybody needs is not there) or\n"
        "fail, and what to do. Nothing is changed. The exit code is 69 when something fails, and else 0.\n",
    .run = examine,
};
