// The Wasmtime adapter: which modules have memories of ours (memory.h).
//
// It pays where a store is used again that has more memory than is written as a whole, or may have grown. Wasmtime's pool maps an
// image of a module's data, and no byte of it is copied; here all data is copied when an instance is new, so modules with much
// stay in the pool. So do those that the pool refuses, which then have an engine without places that others would lack.
#include "engine/wasm/wasm_merge.h"
#include "engine/wasm/wasm_reader.h"
#include "engine/wasmtime/internal.h"

enum {
  DATA_BYTES_MAX = 256 << 10,
  // At the most, of what Wasmtime keeps for an instance; the pool refuses more in all.
  FUNCTION_BYTES = 32,
  GLOBAL_BYTES = 16,
  INSTANCE_BYTES_MAX = 1 << 20,
};

typedef struct needs {
  uint32_t memories, tables;
  uint64_t instance_bytes; ///< for functions and globals
  uint64_t memory_bytes;   ///< of all memories that the module defines, at the beginning
  uint64_t largest_bytes;
  uint64_t data_bytes;
  bool is_shared;   ///< one of them: the pool refuses that
  bool begins_anew; ///< its instances can be put back
  bool grows;       ///< a memory of the guest may grow
} needs;

static void add_memories(wasm_reader memories, needs *sum) {
  enum { SHARED = 2 };
  uint32_t count = sum->memories = wasm_read_count(&memories, WASM_MEMORIES_MAX);
  for (uint32_t i = 0; i < count && wasm_reader_left(&memories) > 0; i++) {
    sum->is_shared |= (*memories.at & SHARED) != 0;
    wasm_limits limits = wasm_read_limits(&memories);
    bool is_huge = limits.min > WT_LARGE_BYTES_MAX;
    uint64_t bytes = is_huge ? UINT32_MAX : limits.min << limits.page_bits;
    sum->memory_bytes += bytes;
    if (bytes > sum->largest_bytes) sum->largest_bytes = bytes;
  }
}

static void look_for_mark(wasm_reader custom, needs *sum) {
  text name = wasm_read_name(&custom);
  uint8_t grows = wasm_read_byte(&custom);
  if (wasm_reader_failed(&custom) || !text_equal_string(name, WASM_MERGE_MARK)) return;
  sum->begins_anew = true;
  sum->grows = grows != 0;
}

static uint32_t count_of(wasm_reader section) {
  return wasm_read_u32(&section);
}

static needs add_up(const uint8_t *wasm, size_t size) {
  needs sum = {0};
  wasm_section_view section;
  wasm_reader reader = wasm_reader_open(wasm, size);
  while (wasm_reader_section(&reader, &section)) {
    if (section.id == WASM_SECTION_FUNCTION) sum.instance_bytes += (uint64_t)FUNCTION_BYTES * count_of(section.body);
    if (section.id == WASM_SECTION_GLOBAL) sum.instance_bytes += (uint64_t)GLOBAL_BYTES * count_of(section.body);
    if (section.id == WASM_SECTION_TABLE) sum.tables = count_of(section.body);
    if (section.id == WASM_SECTION_MEMORY) add_memories(section.body, &sum);
    if (section.id == WASM_SECTION_CUSTOM) look_for_mark(section.body, &sum);
    if (section.id == WASM_SECTION_DATA) sum.data_bytes += section.whole_size;
  }
  return sum;
}

static bool is_for_pool(const needs *sum) {
  return sum->memories <= WT_START_MEMORIES_MAX && sum->tables <= WT_TABLES_MAX &&
         sum->instance_bytes <= INSTANCE_BYTES_MAX && !sum->is_shared;
}

bool wt_needs_large(const engine_options *options, const uint8_t *wasm, size_t size) {
  if (!wasm_is_module(wasm, size)) return false;
  needs sum = add_up(wasm, size);
  bool is_large = sum.memory_bytes > WT_WRITTEN_BYTES_MAX || sum.grows;
  return sum.begins_anew && is_large && is_for_pool(&sum) && sum.memory_bytes <= WT_LARGE_BYTES_MAX &&
         sum.largest_bytes <= options->memory_bytes_max && sum.data_bytes <= DATA_BYTES_MAX;
}
