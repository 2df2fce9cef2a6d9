/// What requests say of their trace, of any bytes: the first line of an input is a traceparent, the rest a tracestate. What is
/// taken is written as it came, and is taken again.
#include "runtime/telemetry/trace.h"
#include "runtime/telemetry/trace_state.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parent(text header) {
  trace found, again;
  if (!trace_read(header, &found)) return;
  char written[TRACE_PARENT_SIZE];
  memcpy(found.span, found.parent, sizeof found.span);
  trace_write(&found, written);
  if (memcmp(written, header.data, TRACE_PARENT_SIZE - 3) != 0) abort(); // all but the flags
  if (!trace_read(text_of(written), &again) || again.flags != found.flags) abort();
}

static void check_state(text header) {
  char list[TRACE_STATE_SIZE], again[TRACE_STATE_SIZE];
  size_t size = trace_state_read(header, list);
  if (size >= TRACE_STATE_SIZE || strlen(list) != size) abort();
  if (trace_state_read(text_of(list), again) != size || strcmp(list, again) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  text rest = {(const char *)data, size}, parent = TEXT("");
  text_split(&rest, '\n', &parent);
  check_parent(parent);
  check_state(rest);
  return 0;
}
