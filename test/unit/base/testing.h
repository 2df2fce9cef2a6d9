/// What the unit tests of several modules share: cmocka with its includes, errors.
#ifndef UBIQ_TEST_TESTING_H
#define UBIQ_TEST_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ubiq/error.h"

/// Asserts that there is no error, and says its message when there is one.
#define assert_success(expression)                                                                                     \
  do {                                                                                                                 \
    ubiq_error *error_ = (expression);                                                                                 \
    if (error_ != NULL) fail_msg("%s", ubiq_error_message(error_));                                                    \
  } while (0)

/// Asserts an error's class and its whole message, and ends it.
#define assert_fails(expression, code, message)                                                                        \
  do {                                                                                                                 \
    ubiq_error *error_ = (expression);                                                                                 \
    assert_non_null(error_);                                                                                           \
    assert_string_equal(ubiq_error_message(error_), message);                                                          \
    assert_int_equal(ubiq_error_code(error_), code);                                                                   \
    ubiq_error_delete(error_);                                                                                         \
  } while (0)

#endif
