#include "base/fetch_url.h"

#include "fuzz/fetch_url_fuzz.c"

#include "unit/base/corpus.h"

#include <string.h>

typedef struct good_url {
  const char *given;
  const char *text;
  const char *host;
  int port;
  const char *path;
} good_url;

static const good_url good_urls[] = {
    {"http://EXAMPLE.com", "http://example.com/", "example.com", 80, "/"},
    {"https://h:443/", "https://h/", "h", 443, "/"},
    {"HTTP://h:8080/a?b#c", "http://h:8080/a?b", "h", 8080, "/a"},
    {"http://h/a/../b/./c", "http://h/b/c", "h", 80, "/b/c"},
    {"http://h/%2e%2E/%2e/x?q=%2e", "http://h/x?q=%2e", "h", 80, "/x"},
    {"http://0x7f.1/", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
    {"http://2130706433/", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
    {"http://%31%32%37.0.0.1/", "http://127.0.0.1/", "127.0.0.1", 80, "/"},
    {"http://[::FFFF:127.0.0.1]:8/", "http://[::ffff:127.0.0.1]:8/", "[::ffff:127.0.0.1]", 8, "/"},
    {"http://h?x", "http://h/?x", "h", 80, "/"},
    {"http://h/a b/\xc3\xa9", "http://h/a%20b/%c3%a9", "h", 80, "/a%20b/%c3%a9"},
    {"http://good.com@evil.com/", "http://evil.com/", "evil.com", 80, "/"},
};

static void well_formed_urls_are_normalised(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof good_urls / sizeof *good_urls; i++) {
    fetch_url url;
    assert_null(fetch_url_parse(good_urls[i].given, &url));
    assert_string_equal(url.text, good_urls[i].text);
    assert_string_equal(url.host, good_urls[i].host);
    assert_int_equal(url.port, good_urls[i].port);
    assert_string_equal(url.path, good_urls[i].path);
    fetch_url_free(&url);
  }
}

static void malformed_urls_are_invalid_input(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "example.com/x",
      "/path",
      "ftp://h/",
      "file:///etc/passwd",
      "http://",
      "http://h:0/",
      "http://h:99999/",
      "http://h:x/",
      "http://good.com\\@evil.com/",
      "http://h/a\r\nX: y",
      "http://h/a\tb",
      "http://a b/",
      "http://a%2fb/",
      "http://a%00b/",
      "http://m\xc3\xbcnchen.de/",
      "http://[::1/",
      "http://[zz]/",
      "http://%338/",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    fetch_url url;
    ubiq_error *error = fetch_url_parse(bad[i], &url);
    if (ubiq_error_code(error) != UBIQ_INVALID_INPUT)
      fail_msg("%s was taken as %s", bad[i], error ? ubiq_error_message(error) : url.text);
    assert_null(url.text);
    ubiq_error_delete(error);
  }
}

static void url_past_the_bound_is_refused(void **state) {
  (void)state;
  char *text = malloc(FETCH_URL_BYTES_MAX + 2);
  assert_non_null(text);
  memset(text, 'a', FETCH_URL_BYTES_MAX + 1);
  text[FETCH_URL_BYTES_MAX + 1] = '\0';
  memcpy(text, "http://h/", 9);
  fetch_url url;
  ubiq_error *error = fetch_url_parse(text, &url);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
  free(text);
}

static void user_and_password_are_taken_out_and_decoded(void **state) {
  (void)state;
  fetch_url url;
  assert_null(fetch_url_parse("http://us%40er:p%2Fw@h/a?token=secret", &url));
  assert_string_equal(url.user, "us@er");
  assert_string_equal(url.password, "p/w");
  assert_string_equal(url.text, "http://h/a?token=secret");
  assert_string_equal(url.shown, "http://h/a");
  fetch_url_free(&url);
}

typedef struct step {
  const char *location;
  const char *expected;
} step;

static void locations_are_resolved_against_their_base(void **state) {
  (void)state;
  static const step steps[] = {
      {"/c", "http://h.x/c"},
      {"c", "http://h.x/a/c"},
      {"../../d?x", "http://h.x/d?x"},
      {"?y", "http://h.x/a/b?y"},
      {"//other/z", "http://other/z"},
      {"https://k/z#f", "https://k/z"},
      {"/%2e%2e/%2e%2e/z", "http://h.x/z"},
  };
  fetch_url base;
  assert_null(fetch_url_parse("http://user:word@h.x/a/b?q", &base));
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    fetch_url url;
    assert_null(fetch_url_resolve(&base, steps[i].location, &url));
    assert_string_equal(url.text, steps[i].expected);
    assert_null(url.user);
    fetch_url_free(&url);
  }
  fetch_url_free(&base);
}

static void location_with_credentials_loses_them(void **state) {
  (void)state;
  fetch_url base;
  fetch_url url;
  assert_null(fetch_url_parse("http://h/", &base));
  assert_null(fetch_url_resolve(&base, "http://u:p@h/x", &url));
  assert_null(url.user);
  assert_null(url.password);
  assert_string_equal(url.text, "http://h/x");
  fetch_url_free(&url);
  fetch_url_free(&base);
}

static void location_of_another_scheme_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"file:///etc/passwd", "ftp://h/", "gopher://h/", "mailto:x@y", "http:\\\\h\\"};
  fetch_url base;
  assert_null(fetch_url_parse("http://h/", &base));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    fetch_url url;
    ubiq_error *error = fetch_url_resolve(&base, bad[i], &url);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
  }
  fetch_url_free(&base);
}

static void origin_is_scheme_host_and_port(void **state) {
  (void)state;
  fetch_url base;
  assert_null(fetch_url_parse("http://h/", &base));
  static const char *const others[] = {"http://h:80/x", "https://h/", "http://h:81/", "http://i/"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    fetch_url url;
    assert_null(fetch_url_parse(others[i], &url));
    assert_int_equal(fetch_url_same_origin(&base, &url), i == 0);
    fetch_url_free(&url);
  }
  fetch_url_free(&base);
}

static void corpus_of_the_fuzz_target_passes(void **state) {
  (void)state;
  assert_true(corpus_run("fetch_url_fuzz", LLVMFuzzerTestOneInput) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(well_formed_urls_are_normalised),
      cmocka_unit_test(malformed_urls_are_invalid_input),
      cmocka_unit_test(url_past_the_bound_is_refused),
      cmocka_unit_test(user_and_password_are_taken_out_and_decoded),
      cmocka_unit_test(locations_are_resolved_against_their_base),
      cmocka_unit_test(location_with_credentials_loses_them),
      cmocka_unit_test(location_of_another_scheme_is_refused),
      cmocka_unit_test(origin_is_scheme_host_and_port),
      cmocka_unit_test(corpus_of_the_fuzz_target_passes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
