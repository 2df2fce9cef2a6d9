// Each way to show results is a small table of functions; JUnit's XML is made at the end, of all of them.
#include "cli/test_report.h"

#include "base/text.h"
#include "cli/call_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void print_escaped(const char *value) {
  buffer shown = {0};
  if (text_escape(&shown, text_of(value))) fwrite(shown.data, 1, shown.size, stdout);
  buffer_free(&shown);
}

static void print_indented(const char *lines, const char *indent) {
  text rest = text_of(lines), line;
  while (text_split(&rest, '\n', &line))
    if (line.size > 0) printf("%s%.*s\n", indent, (int)line.size, line.data);
}

static void nothing(size_t count) {
  (void)count;
}

// ------------------------------------------------------------------------------------------- for people

static const char *colour(const char *sequence) {
  return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL ? sequence : "";
}

static void print_line(const test_result *result, const test_result *before, size_t number) {
  (void)number;
  if (before == NULL || before->file != result->file) {
    print_escaped(result->file->path);
    putchar('\n');
  }
  bool passed = result->differences == NULL;
  printf("  %s%s%s ", colour(passed ? "\033[32m" : "\033[1;31m"), passed ? "ok  " : "FAIL", colour("\033[0m"));
  print_escaped(result->test->name);
  printf(" (%.1f ms)\n", (double)result->duration_us / 1000);
  if (!passed) print_indented(result->differences, "       ");
  fflush(stdout);
}

static ubiq_error *print_sum(const test_results *results) {
  printf("%zu %s: %zu passed, %zu failed\n", results->count, results->count == 1 ? "case" : "cases",
         results->count - results->failed, results->failed);
  fflush(stdout);
  return NULL;
}

const test_report test_report_lines = {nothing, print_line, print_sum};

// ------------------------------------------------------------------------------------------------- TAP

static void print_plan(size_t count) {
  printf("TAP version 14\n1..%zu\n", count);
}

/// `#` begins a directive, unless a backslash is before it.
static void print_tap_name(const char *name) {
  buffer shown = {0};
  if (text_escape(&shown, text_of(name)))
    for (size_t i = 0; i < shown.size; i++) printf("%s%c", shown.data[i] == '#' ? "\\" : "", shown.data[i]);
  buffer_free(&shown);
}

static void print_tap(const test_result *result, const test_result *before, size_t number) {
  (void)before;
  printf("%sok %zu - ", result->differences == NULL ? "" : "not ", number);
  print_tap_name(result->file->path);
  printf(": ");
  print_tap_name(result->test->name);
  putchar('\n');
  if (result->differences != NULL) {
    printf("  ---\n  message: |\n");
    print_indented(result->differences, "    ");
    printf("  ...\n");
  }
  fflush(stdout);
}

static ubiq_error *end_tap(const test_results *results) {
  (void)results;
  return NULL;
}

const test_report test_report_tap = {print_plan, print_tap, end_tap};

// ------------------------------------------------------------------------------------------------ JSON

static void print_nothing(const test_result *result, const test_result *before, size_t number) {
  (void)result;
  (void)before;
  (void)number;
}

static bool add_result(yyjson_mut_doc *document, yyjson_mut_val *list, const test_result *result) {
  yyjson_mut_val *one = yyjson_mut_arr_add_obj(document, list);
  return yyjson_mut_obj_add_str(document, one, "file", result->file->path) &&
         yyjson_mut_obj_add_str(document, one, "name", result->test->name) &&
         yyjson_mut_obj_add_str(document, one, "function", result->test->function) &&
         yyjson_mut_obj_add_bool(document, one, "passed", result->differences == NULL) &&
         yyjson_mut_obj_add_uint(document, one, "duration_us", result->duration_us) &&
         (result->differences == NULL || yyjson_mut_obj_add_str(document, one, "differences", result->differences));
}

static ubiq_error *print_json(const test_results *results) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document), *list = yyjson_mut_arr(document);
  yyjson_mut_doc_set_root(document, root);
  bool good = yyjson_mut_obj_add_uint(document, root, "passed", results->count - results->failed) &&
              yyjson_mut_obj_add_uint(document, root, "failed", results->failed) &&
              yyjson_mut_obj_add_val(document, root, "cases", list);
  for (size_t i = 0; good && i < results->count; i++) good = add_result(document, list, &results->items[i]);
  char *json = good ? yyjson_mut_write(document, YYJSON_WRITE_NEWLINE_AT_END, NULL) : NULL;
  ubiq_error *error =
      json == NULL ? ubiq_error_no_memory() : call_report_write((ubiq_bytes){(const uint8_t *)json, strlen(json)});
  free(json);
  yyjson_mut_doc_free(document);
  return error;
}

const test_report test_report_json = {nothing, print_nothing, print_json};

// ----------------------------------------------------------------------------------------------- JUnit

/// Text of XML: control characters have no place in it, not even escaped.
static bool append_xml(buffer *out, const char *value) {
  bool good = true;
  for (const char *at = value; good && *at != '\0'; at++) {
    const char *entity = *at == '&'    ? "&amp;"
                         : *at == '<'  ? "&lt;"
                         : *at == '>'  ? "&gt;"
                         : *at == '"'  ? "&quot;"
                         : *at == '\n' ? "&#10;"
                                       : NULL;
    bool is_control = (unsigned char)*at < ' ' || *at == 0x7f;
    good = entity != NULL ? buffer_append_string(out, entity) : buffer_append_byte(out, is_control ? '?' : *at);
  }
  return good;
}

static bool append_case(buffer *out, const test_result *result) {
  bool good = buffer_append_string(out, "    <testcase classname=\"") && append_xml(out, result->file->path) &&
              buffer_append_string(out, "\" name=\"") && append_xml(out, result->test->name) &&
              buffer_printf(out, "\" time=\"%.6f\"", (double)result->duration_us / 1e6);
  if (result->differences == NULL) return good && buffer_append_string(out, "/>\n");
  return good && buffer_append_string(out, "><failure message=\"the answer is not the expected one\">") &&
         append_xml(out, result->differences) && buffer_append_string(out, "</failure></testcase>\n");
}

/// The results of one file, which stand together. `*end` is the index behind them.
static bool append_suite(buffer *out, const test_results *results, size_t begin, size_t *end) {
  size_t failed = 0;
  uint64_t duration_us = 0;
  for (*end = begin; *end < results->count && results->items[*end].file == results->items[begin].file; (*end)++) {
    failed += results->items[*end].differences != NULL;
    duration_us += results->items[*end].duration_us;
  }
  bool good = buffer_append_string(out, "  <testsuite name=\"") && append_xml(out, results->items[begin].file->path) &&
              buffer_printf(out, "\" tests=\"%zu\" failures=\"%zu\" time=\"%.6f\">\n", *end - begin, failed,
                            (double)duration_us / 1e6);
  for (size_t i = begin; good && i < *end; i++) good = append_case(out, &results->items[i]);
  return good && buffer_append_string(out, "  </testsuite>\n");
}

bool test_report_junit(const char *name, const test_results *results, buffer *out) {
  bool good = buffer_append_string(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"") &&
              append_xml(out, name) &&
              buffer_printf(out, "\" tests=\"%zu\" failures=\"%zu\">\n", results->count, results->failed);
  for (size_t i = 0; good && i < results->count;) good = append_suite(out, results, i, &i);
  return good && buffer_append_string(out, "</testsuites>\n");
}
