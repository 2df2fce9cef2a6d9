/// What every public header of libubiq needs: linkage, visibility, and the few types shared by all.
///
/// This header compiles alone, in C11 and later and in C++11 and later.
#ifndef UBIQ_BASE_H
#define UBIQ_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define UBIQ_API                 __attribute__((visibility("default")))
#define UBIQ_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#define UBIQ_NODISCARD           __attribute__((warn_unused_result))
#else
#define UBIQ_API
#define UBIQ_PRINTF(text, first)
#define UBIQ_NODISCARD
#endif

#ifdef __cplusplus
#define UBIQ_BEGIN extern "C" {
#define UBIQ_END   }
#else
#define UBIQ_BEGIN
#define UBIQ_END
#endif

UBIQ_BEGIN

/// A run of bytes that belongs to somebody else. `data` may be NULL only when `size` is 0.
typedef struct ubiq_bytes {
  const uint8_t *data;
  size_t size; ///< in bytes
} ubiq_bytes;

UBIQ_END

#endif
