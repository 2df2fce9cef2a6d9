// Reading and mending WebAssembly binaries: what a module imports and exports, and the few edits made before an engine
// sees it. It trusts nothing: a malformed module is an error that names the section and the byte offset. It does not
// validate code: that is the engine's work.
#ifndef ENGINE_WASM_WASM_H
#define ENGINE_WASM_WASM_H

#include "ubiq/error.h"

// The names keep clear of those of the engines' own headers (wasm.h of the C API).
typedef enum wasm_type {
  WASM_TYPE_I32,
  WASM_TYPE_I64,
  WASM_TYPE_F32,
  WASM_TYPE_F64,
  WASM_TYPE_V128,
  WASM_TYPE_FUNCREF,
  WASM_TYPE_EXTERNREF,
  WASM_TYPE_OTHER, ///< some other reference type
} wasm_type;

typedef enum wasm_kind { WASM_FUNCTION, WASM_TABLE, WASM_MEMORY, WASM_GLOBAL, WASM_TAG } wasm_kind;

/// More parameters or results than this are refused in functions that the host calls or provides.
enum { WASM_SIGNATURE_MAX = 32, WASM_PAGE_BYTES = 64 << 10 };

typedef struct wasm_signature {
  const wasm_type *params;
  const wasm_type *results;
  uint16_t params_count;
  uint16_t results_count;
} wasm_signature;

/// An import or an export. Strings are ended by NUL and live as long as the wasm_module.
typedef struct wasm_item {
  const char *module; ///< imports only
  const char *name;
  wasm_kind kind;
  uint32_t index;           ///< exports: in the kind's index space
  uint32_t type_index;      ///< functions and tags: in the type section
  wasm_signature signature; ///< functions
  wasm_type value_type;     ///< globals and tables: type of the content
  bool is_mutable;          ///< globals
  uint64_t pages_min;       ///< memories: initial size in pages of 64 KiB
} wasm_item;

typedef struct wasm_module {
  wasm_item *imports;
  size_t imports_count;
  wasm_item *exports;
  size_t exports_count;
  const wasm_item **exports_sorted; ///< by their names
  uint64_t memory_pages_min;        ///< sum of the initial sizes of the memories that the module defines
  uint64_t memory_pages_most;       ///< the largest of these
  uint64_t table_elements_min;      ///< the largest of the initial sizes of the tables that the module defines
  uint32_t memories_count;          ///< defined, not imported
  bool has_start;
  struct arena *arena; ///< owns everything above
} wasm_module;

/// True for the binary form of a core module (magic and version 1).
bool wasm_is_module(const uint8_t *bytes, size_t size);
/// True for the binary form of a component.
bool wasm_is_component(const uint8_t *bytes, size_t size);

/// Reads a module's imports, exports and types. `bytes` may go afterwards. The result is owned by the caller.
ubiq_error *wasm_module_read(const uint8_t *bytes, size_t size, wasm_module **out);
void wasm_module_free(wasm_module *module);

/// The export called `name`; NULL when there is none.
const wasm_item *wasm_module_export(const wasm_module *module, const char *name);

/// The name under which a lifted start function is exported.
#define WASM_START_EXPORT "ubiq:start"

/// Copies a module without its start section; the start function becomes the export WASM_START_EXPORT. Where there is
/// no start section the copy is the same. A module that exports that name itself is refused. `*out` is owned by the
/// caller (free).
ubiq_error *wasm_lift_start(const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size);

/// What the names of memories begin with that wasm_export_memories exports; their place follows.
#define WASM_MEMORY_EXPORT "ubiq:memory:"

/// Copies a module so that every memory that it defines is exported under some name. `*out` is owned by the caller (free).
ubiq_error *wasm_export_memories(const uint8_t *bytes, size_t size, uint8_t **out, size_t *out_size);
/// The export of the memory that the module defines as its `place`th, counted from 0; NULL when it keeps it to itself.
const wasm_item *wasm_module_memory(const wasm_module *module, uint32_t place);

bool wasm_signature_equal(const wasm_signature *a, const wasm_signature *b);
/// Whether its values are of types up to `last` in the order of wasm_type, and not too many of them.
bool wasm_signature_within(const wasm_signature *signature, wasm_type last);
/// Writes `(i32, i64) -> i64` into `text`, cut at `size` bytes, ended by NUL.
void wasm_signature_print(const wasm_signature *signature, char *text, size_t size);
const char *wasm_type_name(wasm_type type);
const char *wasm_kind_name(wasm_kind kind);

#endif
