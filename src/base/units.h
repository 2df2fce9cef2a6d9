// Durations and sizes as people write them in ubiq.toml and on the command line: `30s`, `500ms`, `64MiB`.
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/buffer.h"
#include "base/text.h"

#include <stdint.h>

#define UNITS_DURATION_MS_MAX (UINT64_C(100) * 366 * 24 * 3600 * 1000) ///< a hundred years

/// What a duration looks like, for messages.
#define UNITS_DURATION_FORM "a duration such as \"500ms\", \"30s\", \"5m\" or \"1h\""
/// What a size looks like, for messages.
#define UNITS_SIZE_FORM "a size such as \"65536\", \"512KiB\", \"64MiB\" or \"1GiB\""

/// Reads a duration: a whole number and `ms`, `s`, `m` or `h`; a bare number is milliseconds. False when it is none or
/// longer than a hundred years.
bool units_duration_parse(text value, uint64_t *milliseconds);

/// Reads a size: a whole number and `B`, `KB`, `MB`, `GB` (powers of 1000) or `KiB`, `MiB`, `GiB` (powers of 1024); a
/// bare number is bytes. False when it is none or larger than 2^53.
bool units_size_parse(text value, uint64_t *bytes);

/// Appends a duration or a size as ubiq.toml would say it, in the largest unit that it is a whole number of: `30s`, `64MiB`. False when memory
/// is out.
UBIQ_NODISCARD bool units_duration_write(buffer *out, uint64_t milliseconds);
UBIQ_NODISCARD bool units_size_write(buffer *out, uint64_t bytes);

/// What a share looks like, for messages.
#define UNITS_PERCENT_FORM "a percentage such as \"5\" or \"2.5\""
/// Reads a share of a hundred, with one decimal at most and with or without '%', in thousandths. False when it is none.
bool units_percent_parse(text value, uint64_t *permille);

#endif
