// Clocks: the system's, or those that the options give.
#include "base/clock.h"
#include "wasi/internal.h"

// Both CPU clocks answer the time of the thread that runs the guest: a guest has no process of its own.
uint64_t wasi_clock_of_system(uint32_t clock) {
  if (clock == WASI_CLOCK_REALTIME) return clock_realtime_ns();
  return clock == WASI_CLOCK_MONOTONIC ? clock_monotonic_ns() : clock_thread_cpu_ns();
}

uint64_t wasi_clock_now(const wasi_context *context, uint32_t clock) {
  const wasi_options *options = &context->options;
  return options->clock != NULL ? options->clock(options->user, clock) : wasi_clock_of_system(clock);
}

static wasi_errno put_time(wasi_guest *self, uint32_t offset, uint64_t nanoseconds) {
  uint8_t *out = wasi_guest_span(self, offset, 8);
  if (out == NULL) return WASI_EFAULT;
  wasi_store_u64(out, nanoseconds);
  return WASI_SUCCESS;
}

static wasi_errno clock_res_get(wasi_guest *self, const engine_value *arguments) {
  return wasi_u32(&arguments[0]) < WASI_CLOCKS ? put_time(self, wasi_u32(&arguments[1]), 1) : WASI_EINVAL;
}
WASI_CALLBACK(clock_res_get)

// The precision that the guest asks for is ignored: a clock is never coarser than a nanosecond.
static wasi_errno clock_time_get(wasi_guest *self, const engine_value *arguments) {
  uint32_t clock = wasi_u32(&arguments[0]);
  if (clock >= WASI_CLOCKS) return WASI_EINVAL;
  return put_time(self, wasi_u32(&arguments[2]), wasi_clock_now(self->context, clock));
}
WASI_CALLBACK(clock_time_get)
