// Builds an image's hub. See hub.h.
//
// DESIGN. The kernel's host build imports one function, at index 0, and its code calls no other. So new imports may
// follow that one without a look at the code: only the exports of functions, whose indices grow by the number of new
// imports, are written anew. Everything else is appended to the sections that there are:
//
//   types      the kernel's, the types of every `finish`, of HUB_GROW_REFUSED and of what is the guest's, one for each hub function
//   imports    grow, then for each hub function in order: host.<name> unless it is a slot or calls the guest, finish.<name> if it is a block;
//              then those of the guest where that is called
//   functions  the kernel's, HUB_GROW_REFUSED, then a shim for each hub function that needs one
//   globals    the kernel's, then one for each slot: a reference to a function, null until the engine fills it
//
// The kernel's table section is left out: linkers put an empty one everywhere and each instance would pay for it.
#include "plugin/compile/hub.h"
#include "engine/wasm/wasm_module.h"
#include "plugin/compile/hub_shim.h"
#include "plugin/host/limits.h"

#include <assert.h>
#include <stdlib.h>

enum { HUB_FUNCTIONS_MAX = 10000 };

// Where a hub function ended up in the index spaces.
typedef struct place {
  uint32_t type;   // of the function as the plugin sees it; the same as that of `start`
  uint32_t start;  // index of the imported host function; of the global for a slot
  uint32_t finish; // blocks: index of the imported `finish`
  uint32_t shim;   // index of the function to export; the import itself where there is no shim
} place;

typedef struct hub {
  const hub_function *functions;
  size_t count;
  place *places; // one for each function
  wasm_module *kernel;
  wasm_details details;
  wasm_section_view sections[WASM_SECTIONS];
  bool present[WASM_SECTIONS];
  uint32_t finish_type, refused_type;
  uint32_t guest_types; // of the guest's exports, one after the other
  uint32_t refused;     // index of HUB_GROW_REFUSED
  uint32_t imports_added;
  uint32_t shims;
  uint32_t slots;
  uint32_t alloc; // index of the kernel's alloc in the hub
  uint32_t guest; // index of the first import from the guest, in the order of guest_names; 0: there are none
} hub;

enum { GUEST_ALLOC, GUEST_FREE, GUEST_HANDLE, GUEST_EXPORTS };

static const char *const guest_names[GUEST_EXPORTS] = {HUB_GUEST_ALLOC, HUB_GUEST_FREE, HUB_GUEST_HANDLE};

static bool is_block(const hub_function *function) {
  return function->kind != HUB_DIRECT;
}

static bool calls_host(const hub_function *function) {
  return !function->slot && function->kind != HUB_GUEST_CALL;
}

static bool calls_guest(const hub_function *function) {
  return function->kind == HUB_GUEST_BLOCK || function->kind == HUB_GUEST_CALL;
}

static bool needs_shim(const hub_function *function) {
  return is_block(function) || function->slot;
}

// Checks of what came in.

static ubiq_error *kernel_error(const char *problem) {
  return ubiq_error_new(UBIQ_INTERNAL, "the kernel's host build %s", problem);
}

static ubiq_error *check_kernel(const hub *self) {
  const wasm_module *kernel = self->kernel;
  if (kernel->imports_count != 1 || kernel->imports[0].kind != WASM_FUNCTION)
    return kernel_error("must import exactly one function");
  if (self->present[WASM_SECTION_START] || self->present[WASM_SECTION_ELEMENT])
    return kernel_error("must have neither a start function nor element segments");
  static const wasm_type i64 = WASM_TYPE_I64;
  static const wasm_signature expected = {&i64, &i64, 1, 1};
  const wasm_item *alloc = wasm_module_export(kernel, "alloc");
  if (alloc == NULL || alloc->kind != WASM_FUNCTION || !wasm_signature_equal(&alloc->signature, &expected))
    return kernel_error("must export alloc as (i64) -> i64");
  for (size_t i = 0; i < kernel->exports_count; i++)
    if (kernel->exports[i].kind == WASM_TABLE) return kernel_error("must not export a table");
  return NULL;
}

static bool has_plain_types(const wasm_type *types, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (types[i] == WASM_TYPE_OTHER) return false;
  return true;
}

static ubiq_error *check_function(const hub_function *function) {
  const wasm_signature *signature = &function->signature;
  if (signature->params_count > WASM_SIGNATURE_MAX || signature->results_count > WASM_SIGNATURE_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "host function %s has more than %d parameters or results; expected fewer",
                          function->name, WASM_SIGNATURE_MAX);
  if (!has_plain_types(signature->params, signature->params_count) ||
      !has_plain_types(signature->results, signature->results_count))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "host function %s has a reference of its own type; expected numbers, vectors, funcref "
                          "or externref",
                          function->name);
  if (is_block(function) && (signature->results_count != 1 || signature->results[0] != WASM_TYPE_I64))
    return ubiq_error_new(UBIQ_INTERNAL, "host function %s answers with a block; expected one result, i64",
                          function->name);
  return NULL;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static ubiq_error *check_sorted(const char **names, size_t count) {
  qsort(names, count, sizeof *names, compare_names);
  for (size_t i = 1; i < count; i++)
    if (strcmp(names[i - 1], names[i]) == 0)
      return ubiq_error_new(UBIQ_INVALID_INPUT,
                            "host function %s is there twice, or has the name of a kernel function; expected "
                            "another name",
                            names[i]);
  return NULL;
}

// A slot's own export cannot collide when no function's name begins like one.
static ubiq_error *check_names(const hub *self) {
  size_t count = self->kernel->exports_count + self->count + 1;
  const char **names = calloc(count, sizeof *names);
  if (names == NULL) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  names[count - 1] = HUB_GROW_REFUSED;
  for (size_t i = 0; i < self->kernel->exports_count; i++) names[i] = self->kernel->exports[i].name;
  for (size_t i = 0; i < self->count && error == NULL; i++) {
    names[self->kernel->exports_count + i] = self->functions[i].name;
    if (strncmp(self->functions[i].name, HUB_SLOT_PREFIX, strlen(HUB_SLOT_PREFIX)) == 0)
      error = ubiq_error_new(UBIQ_INVALID_INPUT, "host function %s begins with \"%s\"; expected another name",
                             self->functions[i].name, HUB_SLOT_PREFIX);
  }
  if (error == NULL) error = check_sorted(names, count);
  free(names);
  return error;
}

static ubiq_error *check(const hub *self) {
  ubiq_error *error = check_kernel(self);
  for (size_t i = 0; i < self->count && error == NULL; i++) error = check_function(&self->functions[i]);
  return error != NULL ? error : check_names(self);
}

// Indices.

static void place_imports(hub *self) {
  uint32_t next = 1; // behind grow
  for (size_t i = 0; i < self->count; i++) {
    const hub_function *function = &self->functions[i];
    self->places[i].type = self->guest_types + GUEST_EXPORTS + (uint32_t)i;
    if (calls_host(function)) self->places[i].start = next++;
    if (is_block(function)) self->places[i].finish = next++;
  }
  bool has_guest = false;
  for (size_t i = 0; i < self->count; i++) has_guest |= calls_guest(&self->functions[i]);
  self->guest = has_guest ? next : 0;
  self->imports_added = next + (has_guest ? GUEST_EXPORTS : 0) - 1;
}

static void place_shims(hub *self, uint32_t globals) {
  self->refused = self->details.functions_count + self->imports_added;
  uint32_t next = self->refused + 1;
  for (size_t i = 0; i < self->count; i++) {
    place *at = &self->places[i];
    if (self->functions[i].slot) at->start = globals + self->slots++;
    at->shim = needs_shim(&self->functions[i]) ? next + self->shims++ : at->start;
  }
}

static uint32_t shifted(const hub *self, uint32_t function) {
  return function == 0 ? 0 : function + self->imports_added;
}

static uint32_t vector_count(const hub *self, wasm_section id) {
  wasm_reader body = self->sections[id].body;
  return self->present[id] ? wasm_read_u32(&body) : 0;
}

static ubiq_error *place_all(hub *self) {
  self->places = calloc(self->count + 1, sizeof *self->places);
  if (self->places == NULL) return ubiq_error_no_memory();
  self->finish_type = self->details.types_count;
  self->refused_type = self->finish_type + 1;
  self->guest_types = self->refused_type + 1;
  place_imports(self);
  place_shims(self, vector_count(self, WASM_SECTION_GLOBAL));
  self->alloc = shifted(self, wasm_module_export(self->kernel, "alloc")->index);
  return NULL;
}

// Sections.

static void write_types(wasm_writer *out, const wasm_type *types, uint16_t count) {
  static const uint8_t codes[] = {
      [WASM_TYPE_I32] = 0x7f,  [WASM_TYPE_I64] = 0x7e,     [WASM_TYPE_F32] = 0x7d,       [WASM_TYPE_F64] = 0x7c,
      [WASM_TYPE_V128] = 0x7b, [WASM_TYPE_FUNCREF] = 0x70, [WASM_TYPE_EXTERNREF] = 0x6f,
  };
  wasm_write_u32(out, count);
  for (uint16_t i = 0; i < count; i++) wasm_write_byte(out, codes[types[i]]);
}

static void write_function_type(wasm_writer *out, const wasm_signature *signature) {
  wasm_write_byte(out, 0x60);
  write_types(out, signature->params, signature->params_count);
  write_types(out, signature->results, signature->results_count);
}

static uint32_t append_types(const hub *self, wasm_writer *out) {
  static const wasm_type i64 = WASM_TYPE_I64;
  static const wasm_type i32[] = {WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32, WASM_TYPE_I32};
  static const wasm_signature finish = {.params = &i64, .params_count = 1}, refused = {0};
  static const wasm_signature guest[GUEST_EXPORTS] = {
      [GUEST_ALLOC] = {i32, i32, 1, 1}, [GUEST_FREE] = {i32, NULL, 2, 0}, [GUEST_HANDLE] = {i32, &i64, 5, 1}};
  write_function_type(out, &finish);
  write_function_type(out, &refused);
  for (size_t i = 0; i < GUEST_EXPORTS; i++) write_function_type(out, &guest[i]);
  for (size_t i = 0; i < self->count; i++) write_function_type(out, &self->functions[i].signature);
  return 2 + GUEST_EXPORTS + (uint32_t)self->count;
}

static void write_import(wasm_writer *out, const char *module, const char *name, uint32_t type) {
  wasm_write_name(out, module);
  wasm_write_name(out, name);
  wasm_write_byte(out, WASM_FUNCTION);
  wasm_write_u32(out, type);
}

static uint32_t append_imports(const hub *self, wasm_writer *out) {
  for (size_t i = 0; i < self->count; i++) {
    const hub_function *function = &self->functions[i];
    if (calls_host(function)) write_import(out, HUB_HOST_MODULE, function->name, self->places[i].type);
    if (is_block(function)) write_import(out, HUB_FINISH_MODULE, function->name, self->finish_type);
  }
  for (uint32_t i = 0; self->guest != 0 && i < GUEST_EXPORTS; i++)
    write_import(out, HUB_GUEST_MODULE, guest_names[i], self->guest_types + i);
  return self->imports_added;
}

static uint32_t append_functions(const hub *self, wasm_writer *out) {
  wasm_write_u32(out, self->refused_type);
  for (size_t i = 0; i < self->count; i++)
    if (needs_shim(&self->functions[i])) wasm_write_u32(out, self->places[i].type);
  return 1 + self->shims;
}

static uint32_t append_globals(const hub *self, wasm_writer *out) {
  for (size_t i = 0; i < self->count; i++) {
    if (!self->functions[i].slot) continue;
    wasm_write_byte(out, 0x63); // (ref null $type), mutable
    wasm_write_heap_index(out, self->places[i].type);
    wasm_write_byte(out, 1);
    wasm_write_byte(out, 0xd0); // ref.null $type, end
    wasm_write_heap_index(out, self->places[i].type);
    wasm_write_byte(out, 0x0b);
  }
  return self->slots;
}

// Calls `grow`, which is function 0.
static void write_refused(wasm_writer *out) {
  enum { END = 0x0b, CALL = 0x10, DROP = 0x1a, I32_CONST = 0x41 };
  static const uint8_t body[] = {
      0, I32_CONST, 0, I32_CONST, LIMITS_GROW_REFUSED, CALL, 0, DROP, END,
  };
  wasm_write_u32(out, sizeof body);
  wasm_write_bytes(out, body, sizeof body);
}

static void write_shim(const hub *self, wasm_writer *out, const hub_function *function, const place *at) {
  const hub_shim shim = {.start = at->start,
                         .type = at->type,
                         .alloc = calls_guest(function) ? self->guest + GUEST_ALLOC : self->alloc,
                         .free = self->guest + GUEST_FREE,
                         .handle = self->guest + GUEST_HANDLE,
                         .finish = at->finish};
  hub_shim_write(function, &shim, out);
}

static uint32_t append_code(const hub *self, wasm_writer *out) {
  write_refused(out);
  for (size_t i = 0; i < self->count; i++) {
    if (!needs_shim(&self->functions[i])) continue;
    wasm_writer body = {0};
    write_shim(self, &body, &self->functions[i], &self->places[i]);
    wasm_write_sized(out, &body);
    buffer_free(&body.bytes);
  }
  return 1 + self->shims;
}

static void write_export(wasm_writer *out, const char *prefix, const char *name, wasm_kind kind, uint32_t index) {
  wasm_write_name_of(out, prefix, name);
  wasm_write_byte(out, (uint8_t)kind);
  wasm_write_u32(out, index);
}

static void write_exports(const hub *self, wasm_writer *out) {
  wasm_writer body = {0};
  wasm_write_u32(&body, (uint32_t)(self->kernel->exports_count + 1 + self->count + self->slots));
  for (size_t i = 0; i < self->kernel->exports_count; i++) {
    const wasm_item *item = &self->kernel->exports[i];
    write_export(&body, "", item->name, item->kind,
                 item->kind == WASM_FUNCTION ? shifted(self, item->index) : item->index);
  }
  write_export(&body, "", HUB_GROW_REFUSED, WASM_FUNCTION, self->refused);
  for (size_t i = 0; i < self->count; i++)
    write_export(&body, "", self->functions[i].name, WASM_FUNCTION, self->places[i].shim);
  for (size_t i = 0; i < self->count; i++)
    if (self->functions[i].slot)
      write_export(&body, HUB_SLOT_PREFIX, self->functions[i].name, WASM_GLOBAL, self->places[i].start);
  wasm_write_section(out, WASM_SECTION_EXPORT, &body);
  buffer_free(&body.bytes);
}

// Writes a section that is a list: what the kernel has, and then what `append` adds.
static void write_list(const hub *self, wasm_writer *out, wasm_section id,
                       uint32_t (*append)(const hub *, wasm_writer *)) {
  wasm_writer added = {0}, body = {0};
  uint32_t added_count = append(self, &added);
  wasm_write_u32(&body, vector_count(self, id) + added_count);
  if (self->present[id]) {
    wasm_reader old = self->sections[id].body;
    wasm_read_u32(&old);
    wasm_write_bytes(&body, old.at, wasm_reader_left(&old));
  }
  wasm_write_bytes(&body, added.bytes.data, added.bytes.size);
  body.failed |= added.failed;
  wasm_write_section(out, id, &body);
  buffer_free(&added.bytes);
  buffer_free(&body.bytes);
}

static void write_kept(const hub *self, wasm_writer *out, wasm_section id) {
  if (self->present[id]) wasm_write_bytes(out, self->sections[id].whole, self->sections[id].whole_size);
}

static void write_hub(const hub *self, wasm_writer *out) {
  wasm_write_header(out);
  write_list(self, out, WASM_SECTION_TYPE, append_types);
  write_list(self, out, WASM_SECTION_IMPORT, append_imports);
  write_list(self, out, WASM_SECTION_FUNCTION, append_functions);
  write_kept(self, out, WASM_SECTION_MEMORY);
  write_list(self, out, WASM_SECTION_GLOBAL, append_globals);
  write_exports(self, out);
  write_kept(self, out, WASM_SECTION_DATA_COUNT);
  write_list(self, out, WASM_SECTION_CODE, append_code);
  write_kept(self, out, WASM_SECTION_DATA);
}

static ubiq_error *read_kernel(hub *self, const uint8_t *kernel, size_t size) {
  ubiq_error *error = wasm_module_read_details(kernel, size, &self->kernel, &self->details);
  if (error != NULL) {
    ubiq_error *internal = kernel_error(ubiq_error_message(error));
    ubiq_error_delete(error);
    return internal;
  }
  wasm_reader reader = wasm_reader_open(kernel, size);
  wasm_section_view section;
  while (wasm_reader_section(&reader, &section)) {
    self->sections[section.id] = section;
    self->present[section.id] = true;
  }
  assert(!wasm_reader_failed(&reader));
  return NULL;
}

ubiq_error *hub_build(const uint8_t *kernel, size_t kernel_size, const hub_function *functions, size_t count,
                      uint8_t **wasm, size_t *size) {
  if (count > HUB_FUNCTIONS_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "a plugin imports %zu host functions; expected at most %d", count,
                          HUB_FUNCTIONS_MAX);
  hub self = {.functions = functions, .count = count};
  wasm_writer out = {0};
  ubiq_error *error = read_kernel(&self, kernel, kernel_size);
  if (error == NULL) error = check(&self);
  if (error == NULL) error = place_all(&self);
  if (error == NULL) {
    write_hub(&self, &out);
    error = wasm_writer_take(&out, wasm, size);
  }
  free(self.places);
  wasm_module_free(self.kernel);
  return error;
}
