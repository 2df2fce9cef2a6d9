// Ranges, as RFC 9110 has them in section 14.1.2: one of bytes.
#include "services/storage/storage_parts.h"

#include <inttypes.h>

static const text unit = {"bytes=", 6};

bool storage_range_is_one(text value) {
  bool is_other = !text_starts_with(value, unit) && value.size > 0 && memchr(value.data, '=', value.size) != NULL;
  return !is_other && (value.size == 0 || memchr(value.data, ',', value.size) == NULL);
}

/// Both ends as they stand there; one that is not there is `UINT64_MAX`, and none that is there. False when it is malformed.
static bool read_ends(text value, uint64_t *first, uint64_t *last) {
  *first = *last = UINT64_MAX;
  if (!text_starts_with(value, unit)) return false;
  text begin, rest = {value.data + unit.size, value.size - unit.size};
  if (memchr(rest.data, '-', rest.size) == NULL) return false;
  if (!text_split(&rest, '-', &begin) || (begin.size == 0 && rest.size == 0)) return false;
  if ((begin.size > 0 && !text_to_u64(begin, first)) || (rest.size > 0 && !text_to_u64(rest, last))) return false;
  if (begin.size > 0 && *first == UINT64_MAX) *first -= 1; // behind any object's end as well
  return begin.size == 0 || rest.size == 0 || *first <= *last;
}

ubiq_error *storage_range_read(text value, uint64_t object_size, storage_range *out) {
  uint64_t first, last;
  *out = (storage_range){0};
  if (!read_ends(value, &first, &last))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "range is malformed; expected one such as \"bytes=0-1023\", \"bytes=1024-\" "
                          "or \"bytes=-1024\"");
  if (first == UINT64_MAX) { // the last so many
    out->size = last < object_size ? last : object_size;
    out->from = object_size - out->size;
  } else if (first < object_size) {
    out->from = first;
    out->size = last < object_size ? last - first + 1 : object_size - first;
  }
  if (out->size > 0) return NULL;
  out->is_missed = true;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "the object has %" PRIu64 " bytes, and none of this range", object_size);
}
