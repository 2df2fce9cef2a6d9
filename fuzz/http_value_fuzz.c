/// Answers of any bytes, and requests with bodies, queries and headers of any bytes: what is written is JSON again, and what is
/// read has no line ends in its headers. The first line of an input is a header's value, the second a query's; the rest is
/// a body, and an answer.
#include "base/json.h"
#include "wire/http_value.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(text header, text query, text body) {
  const http_field headers[] = {{TEXT("Content-Type"), header}, {header, query}};
  const http_field queries[] = {{query, header}, {query, body}};
  const http_request request = {.method = TEXT("POST"),
                                .path = query,
                                .params = queries,
                                .params_count = 1,
                                .query = queries,
                                .query_count = 2,
                                .headers = headers,
                                .headers_count = 2,
                                .body = {(const uint8_t *)body.data, body.size}};
  buffer out = {0};
  yyjson_doc *document = NULL;
  ubiq_error *error = http_request_write(&request, &out);
  if (error == NULL && json_parse("value", out.data, out.size, &document) != NULL) abort();
  yyjson_doc_free(document);
  ubiq_error_delete(error);
  buffer_free(&out);
}

static void check_answer(text value) {
  http_answer answer;
  ubiq_error *error = http_answer_read((ubiq_bytes){(const uint8_t *)value.data, value.size}, &answer);
  if (error != NULL && ubiq_error_code(error) != UBIQ_INVALID_OUTPUT) abort();
  ubiq_error_delete(error);
  if (error != NULL) return;
  if (answer.status < 200 || answer.status > 599) abort();
  for (size_t i = 0; i < answer.headers_count; i++) {
    if (strlen(answer.headers[i].value.data) != answer.headers[i].value.size) abort();
    if (strpbrk(answer.headers[i].value.data, "\r\n") || strpbrk(answer.headers[i].name.data, ":\r\n ")) abort();
  }
  http_answer_free(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  text rest = {(const char *)data, size}, header = TEXT(""), query = TEXT("");
  check_answer(rest);
  if (!text_split(&rest, '\n', &header) || !text_split(&rest, '\n', &query) || rest.data == NULL) return 0;
  check_request(header, query, rest);
  return 0;
}
