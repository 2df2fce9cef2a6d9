// One export a level, each logging its input, and the odd ones.
#include <ubiq/pdk.h>

static int32_t log_input(int32_t level) {
  char *text = ubiq_input(NULL);
  ubiq_log(level, text);
  ubiq_free(text);
  return 0;
}

UBIQ_EXPORT(trace) {
  return log_input(UBIQ_LOG_TRACE);
}
UBIQ_EXPORT(debug) {
  return log_input(UBIQ_LOG_DEBUG);
}
UBIQ_EXPORT(info) {
  return log_input(UBIQ_LOG_INFO);
}
UBIQ_EXPORT(warn) {
  return log_input(UBIQ_LOG_WARN);
}
UBIQ_EXPORT(error) {
  return log_input(UBIQ_LOG_ERROR);
}

// A message at every level, not asking whether the host keeps it.
UBIQ_EXPORT(all) {
  extism_log_trace(ubiq_block_new_string("a trace message"));
  extism_log_debug(ubiq_block_new_string("a debug message"));
  extism_log_info(ubiq_block_new_string("an info message"));
  extism_log_warn(ubiq_block_new_string("a warn message"));
  extism_log_error(ubiq_block_new_string("an error message"));
  return 0;
}

// Outputs the level that the host keeps, as a number.
UBIQ_EXPORT(level) {
  char text[21];
  return ubiq_output(text, ubiq_format_u64(text, (uint32_t)extism_get_log_level()));
}

// A thousand messages, to see whether their blocks come back: outputs the kernel offset of the last.
UBIQ_EXPORT(thousand) {
  ubiq_block last = 0;
  for (int i = 0; i < 1000; i++) {
    last = ubiq_block_new_string("one of a thousand messages");
    extism_log_info(last);
  }
  char text[21];
  return ubiq_output(text, ubiq_format_u64(text, last));
}

// Several lines, control characters and bytes that are no UTF-8 in one message.
UBIQ_EXPORT(ugly) {
  static const char message[] = "first line\nsecond\tline \x1b[31mred\x1b[0m \xff\xfe end";
  extism_log_warn(ubiq_block_new(message, sizeof message - 1));
  return 0;
}

// A message that is no block.
UBIQ_EXPORT(bad_block) {
  extism_log_error(0x123456789abcdef0u);
  return 0;
}
