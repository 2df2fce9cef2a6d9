// Compression of bundles, by zstd. Any thread; takes seconds for large ones.
#ifndef RUNTIME_BUNDLE_BUNDLE_ZSTD_H
#define RUNTIME_BUNDLE_BUNDLE_ZSTD_H

#include "base/buffer.h"
#include "ubiq/error.h"

/// Appends one frame with a checksum. The same bytes, and the same zstd, make the same frame.
ubiq_error *bundle_compress(ubiq_bytes bytes, buffer *out);

/// Appends what one frame holds. Takes no more memory than what it has found, whatever the frame says of itself.
/// Errors, which name `archive`: `invalid_input` when it is no frame, cut off, damaged or followed by something;
/// `too_large` when it holds more than `bytes_max`.
ubiq_error *bundle_decompress(const char *archive, ubiq_bytes bytes, size_t bytes_max, buffer *out);

#endif
