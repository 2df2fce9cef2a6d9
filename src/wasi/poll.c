// poll_oneoff: waiting for clocks, streams and files.
//
// Streams and files are always ready, so the only thing to wait for is the earliest clock. Which events there will be is known
// when the wait begins: those that are ready, or else the clocks that share the earliest time. They are written then,
// while the guest cannot look, and the second half of the call only answers. Nothing but the time is kept between.
#include "wasi/internal.h"

#include <string.h>
#include <time.h>

typedef struct poll {
  wasi_guest *guest;
  uint32_t subscriptions; // offset in guest memory
  uint32_t events;        // offset in guest memory
  uint32_t count;
  uint64_t now;      // monotonic clock
  uint64_t realtime; // at the same time
  uint64_t earliest; // when the first subscription is ready; `now` when one is
} poll;

// One subscription and what is to be said about it.
typedef struct subscription {
  uint64_t userdata;
  uint8_t type;
  wasi_errno error;  // of the event
  uint64_t ready_at; // monotonic clock; at most `now` for what is ready
  uint64_t bytes;    // fd_read: that can be read
  uint16_t flags;
} subscription;

static uint64_t add_saturating(uint64_t a, uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint32_t subscription_size(const wasi_guest *guest) {
  return guest->is_old ? WASI_OLD_SUBSCRIPTION_SIZE : WASI_SUBSCRIPTION_SIZE;
}

// `from` is where the subscription begins, moved by as much as the clock's fields come later in WASI_OLD_MODULE.
static wasi_errno read_clock(const poll *self, const uint8_t *from, subscription *out) {
  uint32_t clock = wasi_load_u32(from + WASI_SUBSCRIPTION_CLOCK);
  uint64_t timeout = wasi_load_u64(from + WASI_SUBSCRIPTION_TIMEOUT);
  uint16_t flags = wasi_load_u16(from + WASI_SUBSCRIPTION_CLOCK_FLAGS);
  if ((flags & ~WASI_CLOCK_FLAG_ABSOLUTE) != 0) return WASI_EINVAL;
  bool is_absolute = (flags & WASI_CLOCK_FLAG_ABSOLUTE) != 0;
  if (clock > WASI_CLOCK_MONOTONIC) {
    out->error = clock < WASI_CLOCKS ? WASI_ENOTSUP : WASI_EINVAL;
    out->ready_at = self->now;
  } else if (!is_absolute) {
    out->ready_at = add_saturating(self->now, timeout);
  } else if (clock == WASI_CLOCK_MONOTONIC) {
    out->ready_at = timeout;
  } else {
    out->ready_at = timeout > self->realtime ? add_saturating(self->now, timeout - self->realtime) : self->now;
  }
  return WASI_SUCCESS;
}

static wasi_errno read_stream(const poll *self, const uint8_t *from, subscription *out) {
  wasi_descriptor *descriptor = wasi_descriptor_at(self->guest->context, wasi_load_u32(from + WASI_SUBSCRIPTION_FD));
  out->ready_at = self->now;
  bool is_read = out->type == WASI_EVENTTYPE_FD_READ;
  uint64_t right = is_read ? WASI_RIGHT_FD_READ : WASI_RIGHT_FD_WRITE;
  if (descriptor == NULL || (descriptor->rights & right) == 0)
    out->error = WASI_EBADF;
  else if ((descriptor->rights & WASI_RIGHT_POLL) == 0)
    out->error = WASI_ENOTCAPABLE;
  else if (is_read && !descriptor->kind->available(self->guest, descriptor, &out->bytes))
    out->flags = WASI_EVENT_HANGUP;
  return WASI_SUCCESS;
}

// The list was checked to lie in memory; what it says may have changed since it was last read.
static wasi_errno read_subscription(const poll *self, uint32_t index, subscription *out) {
  uint32_t size = subscription_size(self->guest);
  const uint8_t *from = wasi_guest_span(self->guest, self->subscriptions + (uint64_t)index * size, size);
  if (from == NULL) return WASI_EFAULT;
  *out = (subscription){
      .userdata = wasi_load_u64(from + WASI_SUBSCRIPTION_USERDATA),
      .type = from[WASI_SUBSCRIPTION_TYPE],
  };
  size_t later = self->guest->is_old ? WASI_OLD_SUBSCRIPTION_LATER : 0;
  if (out->type == WASI_EVENTTYPE_CLOCK) return read_clock(self, from + later, out);
  return out->type <= WASI_EVENTTYPE_FD_WRITE ? read_stream(self, from, out) : WASI_EINVAL;
}

static wasi_errno find_earliest(poll *self) {
  self->earliest = UINT64_MAX;
  for (uint32_t i = 0; i < self->count; i++) {
    subscription one;
    wasi_errno error = read_subscription(self, i, &one);
    if (error != WASI_SUCCESS) return error;
    if (one.ready_at < self->earliest) self->earliest = one.ready_at;
  }
  if (self->earliest < self->now) self->earliest = self->now;
  return WASI_SUCCESS;
}

static wasi_errno write_event(const poll *self, uint32_t index, const subscription *from) {
  uint8_t *to = wasi_guest_span(self->guest, self->events + (uint64_t)index * WASI_EVENT_SIZE, WASI_EVENT_SIZE);
  if (to == NULL) return WASI_EFAULT;
  memset(to, 0, WASI_EVENT_SIZE);
  wasi_store_u64(to + WASI_EVENT_USERDATA, from->userdata);
  wasi_store_u16(to + WASI_EVENT_ERROR, (uint16_t)from->error);
  to[WASI_EVENT_TYPE] = from->type;
  wasi_store_u64(to + WASI_EVENT_BYTES, from->bytes);
  wasi_store_u16(to + WASI_EVENT_FLAGS, from->flags);
  return WASI_SUCCESS;
}

static wasi_errno write_events(const poll *self, uint32_t *written) {
  *written = 0;
  for (uint32_t i = 0; i < self->count; i++) {
    subscription one;
    wasi_errno error = read_subscription(self, i, &one);
    if (error == WASI_SUCCESS && one.ready_at <= self->earliest) error = write_event(self, (*written)++, &one);
    if (error != WASI_SUCCESS) return error;
  }
  return WASI_SUCCESS;
}

static wasi_errno begin(wasi_guest *guest, const engine_value *arguments, uint64_t *deadline) {
  poll self = {
      .guest = guest,
      .subscriptions = wasi_u32(&arguments[0]),
      .events = wasi_u32(&arguments[1]),
      .count = wasi_u32(&arguments[2]),
      .now = wasi_clock_now(guest->context, WASI_CLOCK_MONOTONIC),
      .realtime = wasi_clock_now(guest->context, WASI_CLOCK_REALTIME),
  };
  uint8_t *count = wasi_guest_span(guest, wasi_u32(&arguments[3]), 4);
  if (self.count == 0 || self.count > WASI_SUBSCRIPTIONS_MAX) return WASI_EINVAL;
  if (count == NULL || wasi_guest_array(guest, self.subscriptions, self.count, subscription_size(guest)) == NULL ||
      wasi_guest_array(guest, self.events, self.count, WASI_EVENT_SIZE) == NULL)
    return WASI_EFAULT;
  uint32_t written = 0;
  wasi_errno error = find_earliest(&self);
  if (error == WASI_SUCCESS) error = write_events(&self, &written);
  if (error != WASI_SUCCESS) return error;
  wasi_store_u32(count, written);
  *deadline = self.earliest > self.now ? self.earliest : 0;
  return WASI_SUCCESS;
}

static wasi_errno poll_oneoff(wasi_guest *self, const engine_value *arguments) {
  wasi_context *context = self->context;
  context->poll_deadline_ns = 0;
  context->poll_result = begin(self, arguments, &context->poll_deadline_ns);
  if (context->poll_deadline_ns != 0 && context->options.wait != NULL)
    context->options.wait(context->options.user, context->poll_deadline_ns);
  return context->poll_result;
}
WASI_CALLBACK(poll_oneoff)
WASI_OLD_CALLBACK(poll_oneoff)

static uint64_t nanoseconds_left(const wasi_context *context) {
  uint64_t now = context->poll_deadline_ns == 0 ? 0 : wasi_clock_now(context, WASI_CLOCK_MONOTONIC);
  return now < context->poll_deadline_ns ? context->poll_deadline_ns - now : 0;
}

bool wasi_poll_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error) {
  const wasi_binding *binding = env;
  wasi_context *context = binding->context(call->user);
  if (context == NULL) {
    *error = ubiq_error_no_memory();
    return true;
  }
  const wasi_options *options = &context->options;
  bool is_ready = nanoseconds_left(context) == 0;
  if (!is_ready && options->interrupted != NULL && (*error = options->interrupted(options->user)) != NULL) return true;
  if (is_ready) values[0].i32 = context->poll_result;
  return is_ready;
}

// Sleeps a part of what is left, because whether the wait was interrupted is asked between the parts.
void wasi_poll_wait(void *env, engine_call *call) {
  enum { PART_NS = 5000000 };
  const wasi_binding *binding = env;
  const wasi_context *context = binding->context(call->user);
  uint64_t left = context == NULL ? 0 : nanoseconds_left(context);
  struct timespec part = {.tv_nsec = (long)(left < PART_NS ? left : PART_NS)};
  nanosleep(&part, NULL);
}
