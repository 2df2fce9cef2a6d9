// What `ubiq test` prints: lines for people, TAP (version 14) or JSON; and JUnit's XML.
#ifndef CLI_TEST_REPORT_H
#define CLI_TEST_REPORT_H

#include "cli/test_run.h"

typedef struct test_results {
  test_result *items; ///< owned
  size_t count, failed;
} test_results;

/// How a run of tests is shown while it goes on. `file` may be the one before's.
typedef struct test_report {
  void (*begin)(size_t count);
  /// `number` counts from 1; `before` is the result before, NULL for the first.
  void (*one)(const test_result *result, const test_result *before, size_t number);
  ubiq_error *(*end)(const test_results *results);
} test_report;

extern const test_report test_report_lines;
extern const test_report test_report_tap;
extern const test_report test_report_json;

/// Appends a JUnit report of all, each file a suite. False when memory is out.
UBIQ_NODISCARD bool test_report_junit(const char *name, const test_results *results, buffer *out);

#endif
