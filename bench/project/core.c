// hello on the wire `core`: no kernel, and so nothing of the PDK.
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

static char room[65536 / 2];
static const char answer[] = "{\"ok\":\"Hello!\"}";

EXPORT("ubiq_alloc") void *ubiq_alloc(uint32_t size) {
  return size <= sizeof room ? room : 0;
}

EXPORT("ubiq_free") void ubiq_free(void *place, uint32_t size) {
  (void)place, (void)size;
}

EXPORT("ubiq_handle")
uint64_t ubiq_handle(uint32_t format, const char *operation, uint32_t operation_size, const char *input,
                     uint32_t input_size) {
  (void)format, (void)operation, (void)operation_size, (void)input, (void)input_size;
  return (uint64_t)(uintptr_t)answer << 32 | (sizeof answer - 1);
}
