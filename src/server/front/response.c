// libmicrohttpd's response objects made from ours.
#include "server/front/response.h"

#include "base/text.h"
#include "plugin/plugin.h"
#include "wire/problem.h"

#include <stdlib.h>

#define TEXT_TYPE  "text/plain; charset=utf-8"
#define BYTES_TYPE "application/octet-stream"

/// Whether the first bytes, eight at a time, are ASCII without NUL; answers how many.
static size_t ascii_prefix(const uint8_t *data, size_t size) {
  size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    uint64_t word;
    memcpy(&word, data + at, 8);
    bool has_nul = ((word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080)) != 0;
    if (has_nul || (word & UINT64_C(0x8080808080808080)) != 0) break;
  }
  while (at < size && data[at] != 0 && data[at] < 0x80) at++;
  return at;
}

static bool is_text(ubiq_bytes bytes) {
  size_t ascii = ascii_prefix(bytes.data, bytes.size);
  if (ascii == bytes.size) return true;
  const uint8_t *rest = bytes.data + ascii;
  size_t size = bytes.size - ascii;
  return memchr(rest, 0, size) == NULL && text_utf8_valid(rest, size);
}

static void add_header(answer *self, const char *name, const char *value) {
  if (self->response == NULL || MHD_add_response_header(self->response, name, value) == MHD_YES) return;
  MHD_destroy_response(self->response);
  self->response = NULL;
}

static answer copied(unsigned status, ubiq_bytes body) {
  answer self = {.status = status};
  void *data = (void *)(uintptr_t)body.data;
  self.response = MHD_create_response_from_buffer(body.size, body.size == 0 ? (void *)"" : data,
                                                  body.size == 0 ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
  return self;
}

answer answer_output(ubiq_bytes output, const char *content_type) {
  answer self = copied(MHD_HTTP_OK, output);
  if (content_type == NULL && output.size > 0) content_type = is_text(output) ? TEXT_TYPE : BYTES_TYPE;
  if (content_type != NULL) add_header(&self, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
  return self;
}

answer answer_value(const http_answer *value, const char *content_type) {
  answer self = copied(value->status, value->body);
  bool has_type = false;
  for (size_t i = 0; i < value->headers_count; i++) {
    has_type |= text_equal_ignoring_case(value->headers[i].name, TEXT("content-type"));
    add_header(&self, value->headers[i].name.data, value->headers[i].value.data);
  }
  if (content_type == NULL) content_type = value->content_type;
  if (!has_type && value->content_type != NULL) add_header(&self, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
  return self;
}

static answer problem(unsigned status, ubiq_code code, const char *detail) {
  answer self = {.status = status};
  buffer body = {0};
  if (problem_write(&body, status, code, text_of(detail)))
    self.response = MHD_create_response_from_buffer(body.size, body.data, MHD_RESPMEM_MUST_COPY);
  buffer_free(&body);
  add_header(&self, MHD_HTTP_HEADER_CONTENT_TYPE, PROBLEM_TYPE);
  return self;
}

answer answer_problem(ubiq_code code, const char *detail) {
  return problem((unsigned)ubiq_code_http_status(code), code, detail);
}

/// Whether it is the function that is `unavailable`, and not what it asked for: the error says when to come again.
static bool is_unavailable(const ubiq_error *error) {
  return ubiq_error_code(error) == UBIQ_UNAVAILABLE && ubiq_error_detail(error) > 0;
}

/// When to come again, for a `busy` one: what it says, or in a second.
static void add_retry_after(answer *self, const ubiq_error *error) {
  char seconds[12];
  int32_t said = ubiq_error_detail(error);
  snprintf(seconds, sizeof seconds, "%d", said < 1 ? 1 : said);
  if (ubiq_error_code(error) == UBIQ_BUSY || is_unavailable(error))
    add_header(self, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
}

answer answer_error(ubiq_error *error) {
  answer self = answer_problem(ubiq_error_code(error), ubiq_error_message(error));
  add_retry_after(&self, error);
  ubiq_error_delete(error);
  return self;
}

/// What a client is told in the place of an error's message, which is for the log; NULL: the message itself.
static const char *public_detail(ubiq_code code, bool is_host_fault) {
  static const char asked[] = "something that the function asked of the host failed; the log says what";
  switch (code) {
  case UBIQ_GUEST_ERROR:
  case UBIQ_INVALID_OUTPUT:
  case UBIQ_CPU_LIMIT:
  case UBIQ_BUSY: return NULL;
  case UBIQ_TRAP:
  case UBIQ_MEMORY_LIMIT: return is_host_fault ? asked : NULL;
  case UBIQ_TIMEOUT: return "the function did not answer in time";
  case UBIQ_INTERNAL:
  case UBIQ_CANCELLED: return ubiq_code_text(code);
  default: return asked;
  }
}

/// Whether the class is about a request of the function's own: of the client's request it would tell something wrong.
static bool is_of_function(ubiq_code code) {
  return code == UBIQ_DENIED || code == UBIQ_UNAVAILABLE || code == UBIQ_INVALID_INPUT || code == UBIQ_NOT_FOUND ||
         code == UBIQ_TOO_LARGE || code == UBIQ_QUOTA;
}

answer answer_run_error(ubiq_error *error) {
  ubiq_code code = ubiq_error_code(error);
  if (ubiq_error_detail(error) == GUEST_REFUSAL) return answer_error(error);
  const char *detail = public_detail(code, ubiq_error_detail(error) == HOST_FAULT);
  if (detail == NULL || is_unavailable(error)) return answer_error(error);
  ubiq_error_delete(error);
  return answer_problem(is_of_function(code) ? UBIQ_GUEST_ERROR : code, detail);
}

answer answer_bad_framing(unsigned status, const char *detail) {
  return problem(status, UBIQ_INVALID_INPUT, detail);
}

answer answer_unauthorized(const char *detail) {
  answer self = problem(MHD_HTTP_UNAUTHORIZED, UBIQ_DENIED, detail);
  add_header(&self, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"ubiq\"");
  return self;
}

answer answer_json(unsigned status, char *text, size_t size) {
  answer self = {.status = status};
  if (text == NULL) return self;
  self.response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
  if (self.response == NULL) free(text);
  add_header(&self, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
  return self;
}

answer answer_unknown_caller(const char *detail) {
  answer self = problem(MHD_HTTP_UNAUTHORIZED, UBIQ_DENIED, detail);
  add_header(&self, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
  return self;
}

answer answer_no_method(const char *allow) {
  answer self = problem(MHD_HTTP_METHOD_NOT_ALLOWED, UBIQ_NOT_FOUND, "this path has no route for the request's method");
  add_header(&self, MHD_HTTP_HEADER_ALLOW, allow);
  return self;
}

answer answer_options(const char *allow) {
  answer self = {.status = MHD_HTTP_NO_CONTENT};
  self.response = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
  if (allow != NULL) add_header(&self, MHD_HTTP_HEADER_ALLOW, allow);
  return self;
}
