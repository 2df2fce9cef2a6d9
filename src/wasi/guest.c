// Reading and writing guest memory: little-endian numbers, and lists of buffers that the guest describes.
#include "wasi/internal.h"

uint16_t wasi_load_u16(const uint8_t *from) {
  return (uint16_t)(from[0] | from[1] << 8);
}

uint32_t wasi_load_u32(const uint8_t *from) {
  return wasi_load_u16(from) | (uint32_t)wasi_load_u16(from + 2) << 16;
}

uint64_t wasi_load_u64(const uint8_t *from) {
  return wasi_load_u32(from) | (uint64_t)wasi_load_u32(from + 4) << 32;
}

void wasi_store_u16(uint8_t *to, uint16_t value) {
  to[0] = (uint8_t)value;
  to[1] = (uint8_t)(value >> 8);
}

void wasi_store_u32(uint8_t *to, uint32_t value) {
  wasi_store_u16(to, (uint16_t)value);
  wasi_store_u16(to + 2, (uint16_t)(value >> 16));
}

void wasi_store_u64(uint8_t *to, uint64_t value) {
  wasi_store_u32(to, (uint32_t)value);
  wasi_store_u32(to + 4, (uint32_t)(value >> 32));
}

uint8_t *wasi_iovecs_at(const wasi_guest *self, wasi_iovecs iovecs, uint32_t index, uint32_t *size) {
  const uint8_t *iovec = wasi_guest_span(self, iovecs.offset + (uint64_t)index * WASI_IOVEC_SIZE, WASI_IOVEC_SIZE);
  if (iovec == NULL) return NULL;
  *size = wasi_load_u32(iovec + WASI_IOVEC_LENGTH);
  return wasi_guest_span(self, wasi_load_u32(iovec + WASI_IOVEC_DATA), *size);
}

wasi_errno wasi_iovecs_check(const wasi_guest *self, wasi_iovecs iovecs) {
  if (iovecs.count > WASI_IOVECS_MAX) return WASI_EINVAL;
  uint64_t total = 0;
  for (uint32_t i = 0; i < iovecs.count; i++) {
    uint32_t size;
    if (wasi_iovecs_at(self, iovecs, i, &size) == NULL) return WASI_EFAULT;
    total += size;
  }
  return total <= UINT32_MAX ? WASI_SUCCESS : WASI_EINVAL;
}
