// One request by base/fetch.h, and what comes of it.
#include "cli/admin_client.h"

#include "base/fetch.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/call_report.h"
#include "cli/serve_state.h"

#include <stdlib.h>
#include <string.h>

enum { TOKEN_FILE_BYTES_MAX = 4096, ANSWER_BYTES_MAX = 16 << 20, ASK_MS_MAX = 20 * 60 * 1000 };

void admin_client_options(admin_client *self, option list[ADMIN_CLIENT_OPTIONS]) {
  *self = (admin_client){0};
  const option options[ADMIN_CLIENT_OPTIONS] = {
      {"server", 0, OPTION_TEXT, "URL", "the server's admin API (default http://" SERVE_STATE_ADMIN ")", &self->url, 0,
       0},
      {"token-file", 0, OPTION_TEXT, "FILE", "its token (default: UBIQ_TOKEN, or the first of this machine's server)",
       &self->token_file, 0, 0},
      {"json", 0, OPTION_FLAG, NULL, "print what the server answers, as JSON", &self->json, 0, 0},
  };
  memcpy(list, options, sizeof options);
}

// ------------------------------------------------------------------------------------------------ where, and as whom

static const char *url_of(const admin_client *self) {
  const char *url = self->url != NULL ? self->url : getenv("UBIQ_ADMIN");
  return url != NULL && url[0] != '\0' ? url : "http://" SERVE_STATE_ADMIN;
}

/// Whether a URL leads to this machine; a name and a password in it could look like its host.
static bool is_here(const char *url) {
  static const char *const places[] = {"http://127.0.0.1:",  "http://localhost:",  "http://[::1]:",
                                       "https://127.0.0.1:", "https://localhost:", "https://[::1]:"};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
    if (text_starts_with(text_of(url), text_of(places[i]))) return strchr(url, '@') == NULL;
  return false;
}

static ubiq_error *read_token_file(const char *path, buffer *token) {
  return file_read_all(path, TOKEN_FILE_BYTES_MAX, token);
}

/// The first token of this machine's server is for this machine's server.
static ubiq_error *read_first_token(const char *url, buffer *token) {
  if (!is_here(url))
    return ubiq_error_new(UBIQ_DENIED, "there is no token for %s; expected --token-file or UBIQ_TOKEN", url);
  char *directory = NULL, *path = NULL;
  ubiq_error *error = serve_state_directory(NULL, &directory);
  if (error == NULL && (path = file_path_join(directory, SERVE_STATE_TOKEN_FILE)) == NULL)
    error = ubiq_error_no_memory();
  if (error == NULL && !file_exists(path))
    error = ubiq_error_new(UBIQ_DENIED, "there is no token; expected --token-file, UBIQ_TOKEN or %s", path);
  if (error == NULL) error = read_token_file(path, token);
  free(directory);
  free(path);
  return error;
}

static ubiq_error *read_token(const admin_client *self, buffer *token) {
  const char *given = getenv("UBIQ_TOKEN");
  if (self->token_file != NULL) return read_token_file(self->token_file, token);
  if (given != NULL && given[0] != '\0') return buffer_append_string(token, given) ? NULL : ubiq_error_no_memory();
  return read_first_token(url_of(self), token);
}

// --------------------------------------------------------------------------------------------------------- asking

/// A token goes to the server that was named, and nowhere else.
static ubiq_error *allow(void *user, const fetch_target *target, const net_gate **gate) {
  (void)user;
  (void)gate;
  if (target->redirects == 0) return NULL;
  return ubiq_error_new(UBIQ_UNAVAILABLE,
                        "the server sends requests elsewhere; expected the admin API of `ubiq serve`");
}

static bool never(void *user) {
  (void)user;
  return false;
}

static void draw(void *user, uint64_t sent) {
  progress_draw(user, "sending", sent, "the server checks and compiles it");
}

static ubiq_code code_named(const char *name) {
  static const ubiq_code codes[] = {
#define CODE(identifier, name, status, exit_code, text) UBIQ_##identifier,
      UBIQ_CODES(CODE)
#undef CODE
  };
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    if (strcmp(ubiq_code_name(codes[i]), name) == 0) return codes[i];
  return UBIQ_UNAVAILABLE;
}

ubiq_error *admin_client_print_rows(const char *const *heads, size_t columns, yyjson_val *items,
                                    bool (*add_row)(table *table, yyjson_val *item)) {
  table table = {.heads = heads, .columns = columns};
  bool good = true;
  size_t index, max;
  yyjson_val *item;
  yyjson_arr_foreach(items, index, max, item) good = good && add_row(&table, item);
  if (good) table_print(&table, stdout);
  table_free(&table);
  return good ? NULL : ubiq_error_no_memory();
}

const char *admin_client_text(yyjson_val *object, const char *key) {
  const char *value = yyjson_get_str(yyjson_obj_get(object, key));
  return value == NULL ? "" : value;
}

static ubiq_error *read_answer(const char *url, const admin_question *question, const fetch_response *response,
                               yyjson_doc **out) {
  *out = yyjson_read((const char *)response->body.data, response->body.size, 0);
  yyjson_val *root = yyjson_doc_get_root(*out);
  if (response->status == 200 && root != NULL) return NULL;
  if (response->status == 204 && question->may_be_empty) return NULL;
  const char *detail = admin_client_text(root, "detail");
  ubiq_error *error =
      detail[0] != '\0'
          ? ubiq_error_new(code_named(admin_client_text(root, "class")), "%s", detail)
          : ubiq_error_new(UBIQ_UNAVAILABLE, "%s answered with status %d; expected the admin API of `ubiq serve`", url,
                           response->status);
  yyjson_doc_free(*out);
  *out = NULL;
  return error;
}

static ubiq_error *perform(const char *url, const char *authorization, const admin_question *question,
                           yyjson_doc **out) {
  const fetch_header headers[] = {{"authorization", authorization}, {"ubiq-signature", question->signature}};
  const fetch_policy policy = {.allow_url = allow, .gate = &net_gate_private};
  const fetch_request request = {
      .method = question->method,
      .url = url,
      .headers = headers,
      .headers_count = question->signature == NULL ? 1 : 2,
      .body = question->body.data,
      .body_size = question->body.size,
      .timeout_ms = ASK_MS_MAX,
      .response_bytes_max = ANSWER_BYTES_MAX,
      .policy = &policy,
  };
  const fetch_interrupt interrupt = {.cancelled = never, .user = question->progress, .wake_fd = -1, .sent = draw};
  fetch_response response;
  ubiq_error *error = fetch_perform(&request, question->progress == NULL ? NULL : &interrupt, &response);
  if (ubiq_error_code(error) == UBIQ_UNAVAILABLE)
    error = ubiq_error_wrap(error, "no server answers there (`ubiq serve --state DIR` runs one, --server says where)");
  if (error == NULL) error = read_answer(url, question, &response, out);
  fetch_response_free(&response);
  return error;
}

static ubiq_error *check_url(const char *url) {
  const text given = text_of(url);
  if (text_starts_with(given, TEXT("http://")) || text_starts_with(given, TEXT("https://"))) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "--server is \"%s\"; expected http://HOST:PORT or https://HOST:PORT", url);
}

ubiq_error *admin_client_ask(const admin_client *self, const admin_question *question, yyjson_doc **out) {
  buffer token = {0}, authorization = {0}, url = {0};
  const char *base = url_of(self);
  ubiq_error *error = check_url(base);
  if (error == NULL) error = read_token(self, &token);
  if (error != NULL) return error;
  if (!is_here(base) && text_starts_with(text_of(base), TEXT("http://")))
    log_warn("%s: the token can be read on the way; expected https:// beyond this machine", base);
  const text trimmed = text_trim((text){(const char *)token.data, token.size});
  text place = text_of(base);
  if (text_ends_with(place, TEXT("/"))) place.size--;
  bool good = buffer_printf(&authorization, "Bearer %.*s", (int)trimmed.size, trimmed.data) &&
              buffer_printf(&url, "%.*s%s", (int)place.size, place.data, question->path);
  error =
      good ? perform((const char *)url.data, (const char *)authorization.data, question, out) : ubiq_error_no_memory();
  buffer_free(&token);
  buffer_free(&authorization);
  buffer_free(&url);
  return error;
}

// ------------------------------------------------------------------------------------------------------- reporting

ubiq_error *admin_client_print_json(const yyjson_doc *answer) {
  size_t size = 0;
  char *text = yyjson_write(answer, 0, &size);
  if (text == NULL) return ubiq_error_no_memory();
  ubiq_error *error = call_report_write((ubiq_bytes){(const uint8_t *)text, size});
  if (error == NULL) error = call_report_write((ubiq_bytes){(const uint8_t *)"\n", 1});
  free(text);
  return error;
}

int admin_client_fail(const admin_client *self, ubiq_error *error) {
  buffer line = {0};
  if (self->json && call_report_json(&line, &(call_result){.error = error}))
    ubiq_error_delete(call_report_write(buffer_bytes(&line))); // the first error is the one to tell
  buffer_free(&line);
  return command_fail(error);
}

int admin_client_run(const command *command, int count, char **arguments, const char *method, const char *path,
                     admin_client_show show) {
  admin_client client;
  option list[ADMIN_CLIENT_OPTIONS];
  admin_client_options(&client, list);
  options given = {.list = list, .count = ADMIN_CLIENT_OPTIONS};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  yyjson_doc *answer = NULL;
  ubiq_error *error = admin_client_ask(&client, &(admin_question){.method = method, .path = path}, &answer);
  if (error == NULL) error = client.json ? admin_client_print_json(answer) : show(yyjson_doc_get_root(answer));
  yyjson_doc_free(answer);
  return error == NULL ? EXIT_OK : admin_client_fail(&client, error);
}
