// Reading the pieces of a WebAssembly binary: numbers, names, types, whole sections.
//
// A reader never passes its end. The first thing that is wrong is kept with its place, and everything read after that
// is zero, so that a caller may look once, at the end of a loop, whether it `failed`.
#ifndef ENGINE_WASM_WASM_READER_H
#define ENGINE_WASM_WASM_READER_H

#include "base/text.h"
#include "engine/wasm/wasm.h"

/// What modules may have at most: the limits of browsers, which engines share; of types, which come in groups, fewer
/// (wasm_counts.h).
enum {
  WASM_TYPES_MAX = 50000,
  WASM_ITEMS_MAX = 1000000,   ///< imports, exports, functions, globals: each
  WASM_MEMORIES_MAX = 100,    ///< also tables
  WASM_PARAMETERS_MAX = 1000, ///< also results
  WASM_NAME_BYTES_MAX = 100000,
};

typedef enum wasm_section {
  WASM_SECTION_CUSTOM,
  WASM_SECTION_TYPE,
  WASM_SECTION_IMPORT,
  WASM_SECTION_FUNCTION,
  WASM_SECTION_TABLE,
  WASM_SECTION_MEMORY,
  WASM_SECTION_GLOBAL,
  WASM_SECTION_EXPORT,
  WASM_SECTION_START,
  WASM_SECTION_ELEMENT,
  WASM_SECTION_CODE,
  WASM_SECTION_DATA,
  WASM_SECTION_DATA_COUNT,
  WASM_SECTION_TAG,
  WASM_SECTIONS,
} wasm_section;

enum { WASM_HEADER_SIZE = 8 }; ///< bytes of magic and version

typedef struct wasm_reader {
  const uint8_t *start; ///< the module's first byte: places in messages count from here
  const uint8_t *at;
  const uint8_t *end;
  const char *section; ///< what is being read, for messages
  const char *problem; ///< the first thing that was wrong; NULL while all is well
  size_t problem_at;   ///< its offset from `start`
} wasm_reader;

/// One section as it stands in the module.
typedef struct wasm_section_view {
  wasm_section id;
  const uint8_t *whole; ///< id and size included
  size_t whole_size;
  wasm_reader body;
} wasm_section_view;

/// A reader over a core module's sections. It has failed when the header is not that of a core module.
wasm_reader wasm_reader_open(const uint8_t *bytes, size_t size);
/// Takes the next section off; false at the end or when the reader failed. Does not look at the order.
bool wasm_reader_section(wasm_reader *self, wasm_section_view *out);

/// The place of a section in the order in which modules have them; 0 for custom sections, which stand anywhere.
int wasm_section_rank(wasm_section id);

static inline bool wasm_reader_failed(const wasm_reader *self) {
  return self->problem != NULL;
}
static inline size_t wasm_reader_left(const wasm_reader *self) {
  return (size_t)(self->end - self->at);
}
/// Remembers a problem at the current place, if it is the first, and ends the reading.
void wasm_reader_fail(wasm_reader *self, const char *problem);
/// The problem as an error of class `invalid_input`; NULL when there is none.
ubiq_error *wasm_reader_error(const wasm_reader *self);

uint8_t wasm_read_byte(wasm_reader *self);
uint32_t wasm_read_u32(wasm_reader *self);
uint64_t wasm_read_u64(wasm_reader *self);
/// A signed number of up to `bits` bits (32, 33 or 64).
int64_t wasm_read_signed(wasm_reader *self, unsigned bits);
/// A number of elements, each of which takes at least one byte; at most `max`.
uint32_t wasm_read_count(wasm_reader *self, uint32_t max);
void wasm_read_skip(wasm_reader *self, size_t size);
/// UTF-8 without a NUL, borrowed from the module.
text wasm_read_name(wasm_reader *self);

wasm_type wasm_read_value_type(wasm_reader *self);
/// The part of a table's or memory's limits that matters here.
typedef struct wasm_limits {
  uint64_t min;
  unsigned page_bits; ///< memories: log2 of the page's size
  bool is_64;         ///< addresses have 64 bits
} wasm_limits;
wasm_limits wasm_read_limits(wasm_reader *self);
/// Skips a constant expression, its end included.
void wasm_read_skip_expression(wasm_reader *self);

#endif
