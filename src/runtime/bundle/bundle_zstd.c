// One thread and a fixed level, so that the bytes do not depend on the machine.
#include "runtime/bundle/bundle_zstd.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
  LEVEL = 12,      ///< for a Go module a tenth larger than at level 19, in a sixth of the time
  WINDOW_LOG = 22, ///< what level 12 uses; a reader needs as many bytes
  STEP_BYTES = 1 << 17,
};

static ubiq_error *failed(size_t result, const char *archive, const char *what) {
  if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) return ubiq_error_no_memory();
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: %s: %s", archive, what, ZSTD_getErrorName(result));
}

ubiq_error *bundle_compress(ubiq_bytes bytes, buffer *out) {
  size_t room = ZSTD_compressBound(bytes.size);
  ZSTD_CCtx *context = ZSTD_createCCtx();
  ubiq_error *error = NULL;
  if (context == NULL || !buffer_reserve(out, room)) {
    error = ubiq_error_no_memory();
  } else {
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, WINDOW_LOG);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t size = ZSTD_compress2(context, out->data + out->size, room, bytes.data, bytes.size);
    if (ZSTD_isError(size))
      error = failed(size, "bundle", "cannot be compressed");
    else
      out->size += size;
  }
  ZSTD_freeCCtx(context);
  return error;
}

/// One step of the stream. `*left` is 0 when the frame has ended.
static ubiq_error *step(ZSTD_DCtx *context, const char *archive, ZSTD_inBuffer *in, size_t bytes_max, buffer *out,
                        size_t *left) {
  size_t room = bytes_max - out->size + 1; // one byte more tells what is too large from what just fits
  if (room > STEP_BYTES) room = STEP_BYTES;
  if (!buffer_reserve(out, room)) return ubiq_error_no_memory();
  ZSTD_outBuffer piece = {out->data + out->size, room, 0};
  *left = ZSTD_decompressStream(context, &piece, in);
  if (ZSTD_isError(*left)) return failed(*left, archive, "is damaged");
  out->size += piece.pos;
  if (out->size > bytes_max)
    return ubiq_error_new(UBIQ_TOO_LARGE, "%s: holds more than the %zu bytes that are allowed", archive, bytes_max);
  if (*left != 0 && in->pos == in->size && piece.pos < piece.size)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is cut off after %zu bytes", archive, in->size);
  return NULL;
}

static ubiq_error *check_magic(const char *archive, ubiq_bytes bytes) {
  static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
  if (bytes.size == 0) return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is empty; expected a bundle", archive);
  size_t size = bytes.size < sizeof magic ? bytes.size : sizeof magic;
  if (memcmp(bytes.data, magic, size) == 0) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "%s: is no bundle; expected what `ubiq build` makes (or a project's folder)", archive);
}

ubiq_error *bundle_decompress(const char *archive, ubiq_bytes bytes, size_t bytes_max, buffer *out) {
  ubiq_error *error = check_magic(archive, bytes);
  if (error != NULL) return error;
  ZSTD_DCtx *context = ZSTD_createDCtx();
  if (context == NULL) return ubiq_error_no_memory();
  ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG + 1);
  ZSTD_inBuffer in = {bytes.data, bytes.size, 0};
  size_t left = 1, start = out->size;
  while (error == NULL && left != 0) error = step(context, archive, &in, start + bytes_max, out, &left);
  if (error == NULL && in.pos < in.size)
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "%s: has %zu bytes behind its end; expected none", archive,
                           in.size - in.pos);
  if (error != NULL) out->size = start;
  ZSTD_freeDCtx(context);
  return error;
}
