// Requests that a test case expects, and what they are answered with.
#include "cli/test_http.h"

#include "base/toml.h"
#include "unit/base/testing.h"

typedef struct fixture {
  toml_document *document;
  arena arena;
  const test_http *list;
  size_t count;
} fixture;

static ubiq_error *read(fixture *self, const char *toml) {
  *self = (fixture){.document = NULL};
  arena_init(&self->arena);
  assert_success(toml_parse("t.toml", toml, strlen(toml), &self->document));
  json_value root = toml_root(self->document), http = json_field(&root, "http");
  return test_http_read(&self->arena, &http, &self->list, &self->count);
}

static void end(fixture *self) {
  toml_delete(self->document);
  arena_free(&self->arena);
}

static bool matches(const fixture *self, const char *method, const char *url, const char *body) {
  return test_http_matches(&self->list[0], method, text_of(url), text_of(body));
}

static void what_a_table_leaves_out_is_not_looked_at(void **state) {
  (void)state;
  fixture self;
  assert_success(read(&self, "[[http]]\nurl = 'https://a/b'\n"));
  assert_int_equal(self.count, 1);
  assert_true(matches(&self, "GET", "https://a/b", ""));
  assert_true(matches(&self, "DELETE", "https://a/b", "any"));
  assert_false(matches(&self, "GET", "https://a/b?c", ""));
  assert_int_equal(self.list[0].times, 1);
  assert_int_equal(self.list[0].status, 200);
  end(&self);
}

static void method_url_and_body_have_to_fit(void **state) {
  (void)state;
  fixture self;
  assert_success(read(&self, "[[http]]\nmethod = 'put'\nurl = 'glob:https://a/*'\nbody = 'glob:x*'\n"));
  assert_true(matches(&self, "PUT", "https://a/b", "xy"));
  assert_false(matches(&self, "POST", "https://a/b", "xy"));
  assert_false(matches(&self, "PUT", "https://b/b", "xy"));
  assert_false(matches(&self, "PUT", "https://a/b", "yx"));
  end(&self);
}

static void json_is_compared_as_values(void **state) {
  (void)state;
  fixture self;
  assert_success(read(&self, "[[http]]\nurl = '*'\njson = { a = 1, b = '<string>' }\n"));
  assert_true(matches(&self, "POST", "https://a/", " {\"b\": \"x\", \"a\": 1} "));
  assert_false(matches(&self, "POST", "https://a/", "{\"b\": 2, \"a\": 1}"));
  assert_false(matches(&self, "POST", "https://a/", "{"));
  assert_false(matches(&self, "POST", "https://a/", ""));
  end(&self);
}

static void an_answer_has_its_status_headers_and_body(void **state) {
  (void)state;
  fixture self;
  fetch_response response = {0};
  assert_success(read(&self, "[[http]]\nurl = '*'\nanswer = { status = 404, headers = { X-A = 'b' }, json = [1] }\n"));
  assert_success(test_http_answer(&self.list[0], 100, &response));
  assert_int_equal(response.status, 404);
  assert_string_equal(fetch_response_header(&response, "x-a"), "b");
  assert_string_equal(fetch_response_header(&response, "content-type"), "application/json");
  assert_int_equal(response.body.size, 3);
  assert_memory_equal(response.body.data, "[1]", 3);
  fetch_response_free(&response);
  end(&self);
}

static void an_answer_that_is_larger_than_the_function_may_have_is_an_error(void **state) {
  (void)state;
  fixture self;
  fetch_response response = {0};
  assert_success(read(&self, "[[http]]\nurl = '*'\nanswer = { body = '1234' }\n"));
  ubiq_error *error = test_http_answer(&self.list[0], 3, &response);
  assert_int_equal(ubiq_error_code(error), UBIQ_TOO_LARGE);
  ubiq_error_delete(error);
  fetch_response_free(&response);
  end(&self);
}

static void what_is_wrong_is_told(void **state) {
  (void)state;
  static const char *const wrong[] = {"http = 1\n",
                                      "http = [1]\n",
                                      "[[http]]\n",
                                      "[[http]]\nurl = 'a'\n",
                                      "[[http]]\nurl = '*'\ntimes = 0\n",
                                      "[[http]]\nurl = '*'\nbody = 'a'\njson = 1\n",
                                      "[[http]]\nurl = '*'\nmethod = 1\n",
                                      "[[http]]\nurl = '*'\nstatus = 200\n",
                                      "[[http]]\nurl = '*'\nanswer = { status = 99 }\n",
                                      "[[http]]\nurl = '*'\nanswer = { body = 'a', json = 1 }\n"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    fixture self;
    ubiq_error *error = read(&self, wrong[i]);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
    end(&self);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_table_leaves_out_is_not_looked_at),
      cmocka_unit_test(method_url_and_body_have_to_fit),
      cmocka_unit_test(json_is_compared_as_values),
      cmocka_unit_test(an_answer_has_its_status_headers_and_body),
      cmocka_unit_test(an_answer_that_is_larger_than_the_function_may_have_is_an_error),
      cmocka_unit_test(what_is_wrong_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
