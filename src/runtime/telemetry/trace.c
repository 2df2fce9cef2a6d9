// Ids come from xoshiro256++ (Blackman and Vigna, 2019), so that a request costs no system call.
#include "runtime/telemetry/trace.h"

#include "base/digest.h"

/// Where the parts of a traceparent begin: 00-<32 digits>-<16 digits>-<2 digits>.
enum { PLACE_ID = 3, PLACE_SPAN = 36, PLACE_FLAGS = 53, TEXT_BYTES = TRACE_PARENT_SIZE - 1 };

static uint64_t rotate(uint64_t value, int bits) {
  return value << bits | value >> (64 - bits);
}

static uint64_t next(trace_ids *self) {
  uint64_t *state = self->state;
  uint64_t result = rotate(state[0] + state[3], 23) + state[0], shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotate(state[3], 45);
  return result;
}

void trace_ids_seed(trace_ids *self) {
  do digest_random(self->state, sizeof self->state);
  while (self->state[0] == 0); // a state of zeroes alone would stay one
}

static void make_id(trace_ids *ids, uint8_t *out, size_t size) {
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    uint64_t part = next(ids);
    if (part == 0) part = 1; // zeroes stand for no id
    memcpy(out + at, &part, sizeof part);
  }
}

// --------------------------------------------------------------------------------------------------------- reading

/// Lower case only, as the specification has it; -1 for anything else.
static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_bytes(const char *digits, uint8_t *out, size_t size) {
  for (size_t i = 0; i < size; i++) {
    int high = digit_of(digits[2 * i]), low = digit_of(digits[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

static bool is_zero(const uint8_t *bytes, size_t size) {
  uint8_t all = 0;
  for (size_t i = 0; i < size; i++) all |= bytes[i];
  return all == 0;
}

bool trace_read(text header, trace *out) {
  const char *data = header.data;
  trace found;
  uint8_t flags;
  if (header.size != TEXT_BYTES || memcmp(data, "00-", PLACE_ID) != 0 || data[PLACE_SPAN - 1] != '-' ||
      data[PLACE_FLAGS - 1] != '-')
    return false;
  if (!read_bytes(data + PLACE_ID, found.id, sizeof found.id) ||
      !read_bytes(data + PLACE_SPAN, found.parent, sizeof found.parent) || !read_bytes(data + PLACE_FLAGS, &flags, 1))
    return false;
  if (is_zero(found.id, sizeof found.id) || is_zero(found.parent, sizeof found.parent)) return false;
  memcpy(out->id, found.id, sizeof found.id);
  memcpy(out->parent, found.parent, sizeof found.parent);
  out->flags = flags & TRACE_SAMPLED; // the other bits have no meaning yet, and are not to be handed on
  return true;
}

bool trace_has_parent(const trace *self) {
  return !is_zero(self->parent, sizeof self->parent);
}

void trace_begin(trace_ids *ids, text header, bool is_kept, trace *out) {
  if (!trace_read(header, out)) {
    make_id(ids, out->id, sizeof out->id);
    memset(out->parent, 0, sizeof out->parent);
    out->flags = is_kept ? TRACE_SAMPLED : 0;
  }
  make_id(ids, out->span, sizeof out->span);
}

/// The bits are mixed as SplitMix64 does.
void trace_child(const trace *self, uint64_t number, uint8_t out[TRACE_SPAN_SIZE]) {
  uint64_t bits;
  memcpy(&bits, self->span, sizeof bits);
  bits += number * UINT64_C(0x9e3779b97f4a7c15);
  bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
  bits ^= bits >> 31;
  if (bits == 0) bits = 1; // zeroes stand for no id
  memcpy(out, &bits, sizeof bits);
}

// --------------------------------------------------------------------------------------------------------- writing

void trace_write(const trace *self, char out[TRACE_PARENT_SIZE]) {
  memcpy(out, "00-", PLACE_ID);
  text_hex(self->id, sizeof self->id, out + PLACE_ID);
  out[PLACE_SPAN - 1] = '-';
  text_hex(self->span, sizeof self->span, out + PLACE_SPAN);
  out[PLACE_FLAGS - 1] = '-';
  text_hex(&self->flags, 1, out + PLACE_FLAGS);
}
