#include "base/fetch_headers.h"

#include "unit/base/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fetch_url url_of(const char *text) {
  fetch_url url;
  assert_success(fetch_url_parse(text, &url));
  return url;
}

/// The lines, joined with '|'.
static const char *joined(const struct curl_slist *lines) {
  static char text[1024];
  int size = 0;
  text[0] = '\0';
  for (; lines; lines = lines->next)
    size += snprintf(text + size, sizeof text - (size_t)size, "%s%s", lines->data, lines->next ? "|" : "");
  return text;
}

static struct curl_slist *make(const fetch_header *headers, size_t count) {
  fetch_url url = url_of("http://h:81/");
  fetch_request request = {.headers = headers, .headers_count = count};
  struct curl_slist *lines = NULL;
  assert_success(fetch_headers_make(&request, &url, &lines));
  fetch_url_free(&url);
  return lines;
}

static void request_without_headers_has_those_of_ours(void **state) {
  (void)state;
  struct curl_slist *lines = make(NULL, 0);
  assert_string_equal(joined(lines), "Expect:|Content-Type:|User-Agent: ubiq");
  curl_slist_free_all(lines);
}

static void headers_always_mean_themselves(void **state) {
  (void)state;
  const fetch_header headers[] = {{"A", "b"}, {"Accept", ""}, {"User-Agent", "x"}, {"content-type", " c "}};
  struct curl_slist *lines = make(headers, 4);
  assert_string_equal(joined(lines), "A: b|Accept;|User-Agent: x|content-type: c|Expect:");
  curl_slist_free_all(lines);
}

static void host_may_be_written_with_and_without_its_port(void **state) {
  (void)state;
  static const char *const good[] = {"h", "H", "h:81", " h "};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    const fetch_header header = {"Host", good[i]};
    curl_slist_free_all(make(&header, 1));
  }
}

static void other_hosts_are_denied(void **state) {
  (void)state;
  static const char *const bad[] = {"i", "h:80", "h:810", "hh", "", "h.", "h:"};
  fetch_url url = url_of("http://u:p@h:81/x?y");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const fetch_header header = {"HOST", bad[i]};
    fetch_request request = {.headers = &header, .headers_count = 1};
    struct curl_slist *lines = NULL;
    assert_fails(fetch_headers_make(&request, &url, &lines), UBIQ_DENIED,
                 "HTTP request to http://h:81/x: header host names another host; expected h or no such header");
    assert_null(lines);
  }
  fetch_url_free(&url);
}

static void redirect_drops_what_it_is_told_to(void **state) {
  (void)state;
  const fetch_header headers[] = {{"Authorization", "a"},    {"cookie", "b"},      {"Host", "h"},
                                  {"Content-Language", "c"}, {"Content-Type", ""}, {"X", "y"}};
  struct curl_slist *lines = make(headers, 6);
  assert_true(fetch_headers_redirect(&lines, FETCH_DROP_SENSITIVE));
  assert_string_equal(joined(lines), "Content-Language: c|Content-Type;|X: y|Expect:|User-Agent: ubiq");
  assert_true(fetch_headers_redirect(&lines, FETCH_DROP_CONTENT));
  assert_string_equal(joined(lines), "X: y|Expect:|User-Agent: ubiq");
  curl_slist_free_all(lines);
}

static void tokens_have_the_alphabet_of_http(void **state) {
  (void)state;
  assert_true(fetch_token_valid("X-Name_1!#$%&'*+.^`|~"));
  static const char *const bad[] = {"", " ", "a b", "a:", "a\r", "a\n", "\xc3\xa9", "a\"", "(a)", "a/b", "a,b", "a;b"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(fetch_token_valid(bad[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(request_without_headers_has_those_of_ours),
      cmocka_unit_test(headers_always_mean_themselves),
      cmocka_unit_test(host_may_be_written_with_and_without_its_port),
      cmocka_unit_test(other_hosts_are_denied),
      cmocka_unit_test(redirect_drops_what_it_is_told_to),
      cmocka_unit_test(tokens_have_the_alphabet_of_http),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
