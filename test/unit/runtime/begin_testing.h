/// How tests begin that let guests trap under cmocka (support/traps.h).
#ifndef UBIQ_TEST_BEGIN_TESTING_H
#define UBIQ_TEST_BEGIN_TESTING_H

#include "runtime/limits/limits.h"
#include "support/traps.h"
#include "ubiq/log.h"
#include "ubiq/plugin.h"

/// Has the engine install its signal handlers before cmocka does, and keeps the log to errors.
static inline void begin(void) {
  const ubiq_compile_options options = {.suspends = true, .memory_bytes_max = limits_default.memory_bytes};
  ubiq_compiled *compiled = NULL;
  ubiq_error_delete(ubiq_compiled_new((const uint8_t *)"(module)", 8, &options, &compiled));
  ubiq_compiled_delete(compiled);
  traps_save();
  ubiq_log_set(UBIQ_LOG_ERROR, NULL, NULL);
}

#endif
