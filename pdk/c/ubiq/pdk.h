/// ubiq/pdk.h: what a function written in C needs, in one header.
///
/// A function is an export that reads the call's input, sets the call's output and returns 0, or 1 after setting an
/// error. It runs on Ubiquitous and on every other host of Extism plugins:
///
///     #include <ubiq/pdk.h>
///
///     UBIQ_EXPORT(shout) {
///       size_t size;
///       char *text = ubiq_input(&size);
///       ...
///       return ubiq_output(text, size);
///     }
///
/// It needs no C library (`clang --target=wasm32 -nostdlib -Wl,--no-entry`) and works with wasi-libc as well. Without a
/// library it brings weak definitions of the five functions that compilers call by themselves (memcpy, memmove, memset,
/// memcmp, strlen). Several .c files of one module may include it: what it keeps is shared between them.
///
/// Two memories matter here. The *module's own* is what C pointers point to. The *kernel's* holds blocks that cross the
/// border to the host; a block is named by a number (`ubiq_block`) and is reached only through calls. Blocks last until
/// they are freed or the call ends. Everything here is for one thread, as a call is.
#ifndef UBIQ_PDK_H
#define UBIQ_PDK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __wasi__
#include <stdlib.h>
#include <string.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

// ---------------------------------------------------------------------------------------------------- declaring

/// Begins an export called `name`, which takes nothing and returns an `int32_t`: 0 for success, anything else for
/// failure. The C function behind it is `ubiq_export_<name>`, so that an export may be called `log` or `free`.
#define UBIQ_EXPORT(name)                                                                                              \
  __attribute__((export_name(#name))) int32_t ubiq_export_##name(void);                                                \
  int32_t ubiq_export_##name(void)

/// Goes before the declaration of a function that the module `module` provides under `name`.
#define UBIQ_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))

/// Goes before the declaration of a host function of the embedding program: `UBIQ_HOST("reverse") uint64_t
/// host_reverse(uint64_t block);`
#define UBIQ_HOST(name) UBIQ_IMPORT("extism:host/user", name)

/// A block of the kernel's memory, by its offset; 0 is no block.
typedef uint64_t ubiq_block;

// ------------------------------------------------------------------------------------------------ raw functions

/// The functions of Extism's kernel and host as they are: offsets and lengths in bytes, 0 for "none". The host frees
/// the blocks handed to config_get, var_get, var_set, http_request and log_*; blocks that are returned are the
/// guest's to free.
#define UBIQ_RAW(name) UBIQ_IMPORT("extism:host/env", name) extern
UBIQ_RAW("input_length") uint64_t extism_input_length(void);
UBIQ_RAW("input_load_u8") uint8_t extism_input_load_u8(uint64_t index);
UBIQ_RAW("input_load_u64") uint64_t extism_input_load_u64(uint64_t index);
UBIQ_RAW("output_set") void extism_output_set(ubiq_block block, uint64_t length);
UBIQ_RAW("error_set") void extism_error_set(ubiq_block block);
UBIQ_RAW("alloc") ubiq_block extism_alloc(uint64_t length);
UBIQ_RAW("free") void extism_free(ubiq_block block);
UBIQ_RAW("length") uint64_t extism_length(ubiq_block block);
UBIQ_RAW("length_unsafe") uint64_t extism_length_unsafe(ubiq_block block);
UBIQ_RAW("load_u8") uint8_t extism_load_u8(uint64_t offset);
UBIQ_RAW("load_u64") uint64_t extism_load_u64(uint64_t offset);
UBIQ_RAW("store_u8") void extism_store_u8(uint64_t offset, uint8_t value);
UBIQ_RAW("store_u64") void extism_store_u64(uint64_t offset, uint64_t value);
UBIQ_RAW("config_get") ubiq_block extism_config_get(ubiq_block key);
UBIQ_RAW("var_get") ubiq_block extism_var_get(ubiq_block key);
UBIQ_RAW("var_set") void extism_var_set(ubiq_block key, ubiq_block value);
UBIQ_RAW("http_request") ubiq_block extism_http_request(ubiq_block request, ubiq_block body);
UBIQ_RAW("http_status_code") int32_t extism_http_status_code(void);
UBIQ_RAW("http_headers") ubiq_block extism_http_headers(void);
UBIQ_RAW("log_trace") void extism_log_trace(ubiq_block message);
UBIQ_RAW("log_debug") void extism_log_debug(ubiq_block message);
UBIQ_RAW("log_info") void extism_log_info(ubiq_block message);
UBIQ_RAW("log_warn") void extism_log_warn(ubiq_block message);
UBIQ_RAW("log_error") void extism_log_error(ubiq_block message);
UBIQ_RAW("get_log_level") int32_t extism_get_log_level(void);
#undef UBIQ_RAW

// ------------------------------------------------------------------------------------------- without a C library

#ifndef __wasi__
// no_builtin keeps the compiler from turning each loop into a call of the function that it is in.
__attribute__((weak, no_builtin)) void *memcpy(void *__restrict to, const void *__restrict from, size_t size) {
  unsigned char *target = (unsigned char *)to;
  const unsigned char *source = (const unsigned char *)from;
  for (; size >= 8; size -= 8, target += 8, source += 8) {
    uint64_t word;
    __builtin_memcpy(&word, source, 8);
    __builtin_memcpy(target, &word, 8);
  }
  while (size-- > 0) *target++ = *source++;
  return to;
}

__attribute__((weak, no_builtin)) void *memmove(void *to, const void *from, size_t size) {
  unsigned char *target = (unsigned char *)to;
  const unsigned char *source = (const unsigned char *)from;
  if ((uintptr_t)target - (uintptr_t)source >= size) return memcpy(to, from, size);
  while (size-- > 0) target[size] = source[size];
  return to;
}

__attribute__((weak, no_builtin)) void *memset(void *to, int value, size_t size) {
  unsigned char *target = (unsigned char *)to;
  const uint64_t word = 0x0101010101010101u * (unsigned char)value;
  for (; size >= 8; size -= 8, target += 8) __builtin_memcpy(target, &word, 8);
  while (size-- > 0) *target++ = (unsigned char)value;
  return to;
}

__attribute__((weak, no_builtin)) int memcmp(const void *left, const void *right, size_t size) {
  const unsigned char *a = (const unsigned char *)left;
  const unsigned char *b = (const unsigned char *)right;
  for (; size > 0; size--, a++, b++) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

__attribute__((weak, no_builtin)) size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != '\0') length++;
  return length;
}
#endif

// ------------------------------------------------------------------------------------------ the module's own heap

#ifdef __wasi__
static inline void *ubiq_alloc(size_t size) {
  return malloc(size);
}
static inline void ubiq_free(void *memory) {
  free(memory);
}
#else
extern unsigned char __heap_base; // from the linker: the first byte after data and stack

// A stack of pieces, each behind 16 bytes that say how long it is. `top` is NULL until the first piece.
struct ubiq_heap {
  unsigned char *top;
  size_t live;
};
__attribute__((weak)) struct ubiq_heap ubiq_heap_state;

static inline unsigned char *ubiq_heap_start(void) {
  return (unsigned char *)(((uintptr_t)&__heap_base + 15u) & ~(uintptr_t)15u);
}

static inline bool ubiq_heap_reach(uint64_t end) {
  const uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) << 16;
  if (end > UINT32_MAX) return false; // no pointer holds it
  if (end <= have) return true;
  return __builtin_wasm_memory_grow(0, (size_t)((end - have + 65535u) >> 16)) != SIZE_MAX;
}

/// Takes `size` bytes of the module's own memory, aligned to 16 and not cleared. Returns NULL when memory is out. With
/// wasi-libc this is malloc; without, memory comes back when pieces are freed in reverse order, and all of it when
/// none is left.
static inline void *ubiq_alloc(size_t size) {
  struct ubiq_heap *heap = &ubiq_heap_state;
  unsigned char *piece = heap->top != NULL ? heap->top : ubiq_heap_start();
  const uint64_t end = (uint64_t)(uintptr_t)piece + 16u + (((uint64_t)size + 15u) & ~(uint64_t)15u);
  if (!ubiq_heap_reach(end)) return NULL;
  *(size_t *)(void *)piece = (size_t)(end - (uintptr_t)piece);
  heap->top = (unsigned char *)(uintptr_t)end;
  heap->live++;
  return piece + 16;
}

/// Gives memory of `ubiq_alloc` back. NULL is allowed.
static inline void ubiq_free(void *memory) {
  struct ubiq_heap *heap = &ubiq_heap_state;
  if (memory == NULL) return;
  unsigned char *piece = (unsigned char *)memory - 16;
  if (--heap->live == 0) {
    heap->top = ubiq_heap_start();
  } else if (piece + *(size_t *)(void *)piece == heap->top) {
    heap->top = piece;
  }
}
#endif

// ------------------------------------------------------------------------------------------- copying, eight by eight

typedef uint64_t ubiq_word __attribute__((aligned(1), may_alias));

// Each call across the border costs nanoseconds, so the last word overlaps the one before instead of going by bytes.
static inline __attribute__((always_inline)) void
ubiq_load(uint64_t (*load_u64)(uint64_t), uint8_t (*load_u8)(uint64_t), uint64_t from, void *to, size_t size) {
  unsigned char *target = (unsigned char *)to;
  size_t i = 0;
  if (size < 8) {
    for (; i < size; i++) target[i] = load_u8(from + i);
    return;
  }
  for (; size - i >= 32; i += 32) {
    ubiq_word *words = (ubiq_word *)(void *)(target + i);
    words[0] = load_u64(from + i);
    words[1] = load_u64(from + i + 8);
    words[2] = load_u64(from + i + 16);
    words[3] = load_u64(from + i + 24);
  }
  for (; size - i >= 8; i += 8) *(ubiq_word *)(void *)(target + i) = load_u64(from + i);
  if (i < size) *(ubiq_word *)(void *)(target + size - 8) = load_u64(from + size - 8);
}

static inline void ubiq_store(uint64_t to, const void *from, size_t size) {
  const unsigned char *source = (const unsigned char *)from;
  size_t i = 0;
  if (size < 8) {
    for (; i < size; i++) extism_store_u8(to + i, source[i]);
    return;
  }
  for (; size - i >= 32; i += 32) {
    const ubiq_word *words = (const ubiq_word *)(const void *)(source + i);
    extism_store_u64(to + i, words[0]);
    extism_store_u64(to + i + 8, words[1]);
    extism_store_u64(to + i + 16, words[2]);
    extism_store_u64(to + i + 24, words[3]);
  }
  for (; size - i >= 8; i += 8) extism_store_u64(to + i, *(const ubiq_word *)(const void *)(source + i));
  if (i < size) extism_store_u64(to + size - 8, *(const ubiq_word *)(const void *)(source + size - 8));
}

// ------------------------------------------------------------------------------------------------------- blocks

/// Copies `size` bytes into a new block, owned by the caller. Returns 0 when `size` is 0 or memory is out.
static inline ubiq_block ubiq_block_new(const void *data, size_t size) {
  const ubiq_block block = extism_alloc(size);
  if (block != 0) ubiq_store(block, data, size);
  return block;
}

/// A new block with the bytes of a string, without its NUL.
static inline ubiq_block ubiq_block_new_string(const char *text) {
  return ubiq_block_new(text, strlen(text));
}

/// The length of a block in bytes; 0 for whatever is not a block.
static inline size_t ubiq_block_size(ubiq_block block) {
  return (size_t)extism_length(block);
}

/// Copies at most `size` bytes from the block's start into `buffer` and returns how many.
static inline size_t ubiq_block_read(ubiq_block block, void *buffer, size_t size) {
  const size_t length = ubiq_block_size(block);
  if (size > length) size = length;
  ubiq_load(extism_load_u64, extism_load_u8, block, buffer, size);
  return size;
}

/// Ends a block; 0 is allowed.
static inline void ubiq_block_free(ubiq_block block) {
  if (block != 0) extism_free(block);
}

// ------------------------------------------------------------------------------------------- input, output, error

/// The length of the call's input in bytes.
static inline size_t ubiq_input_size(void) {
  return (size_t)extism_input_length();
}

/// Copies input from byte `index` on, at most `size` bytes, into `buffer`, and returns how many there were.
static inline size_t ubiq_input_read_at(size_t index, void *buffer, size_t size) {
  const size_t length = ubiq_input_size();
  if (index >= length) return 0;
  if (size > length - index) size = length - index;
  ubiq_load(extism_input_load_u64, extism_input_load_u8, index, buffer, size);
  return size;
}

/// Copies the input's first bytes, at most `size`, into `buffer`, and returns how many.
static inline size_t ubiq_input_read(void *buffer, size_t size) {
  return ubiq_input_read_at(0, buffer, size);
}

/// The whole input in memory of `ubiq_alloc`, owned by the caller and followed by a NUL. `*size`, unless `size` is NULL,
/// becomes its length. Returns NULL when memory is out.
static inline char *ubiq_input(size_t *size) {
  const size_t length = ubiq_input_size();
  char *text = (char *)ubiq_alloc(length + 1);
  if (text == NULL) return NULL;
  text[ubiq_input_read(text, length)] = '\0';
  if (size != NULL) *size = length;
  return text;
}

/// Sets the error that the caller of this function sees, and returns 1, what an export returns then.
static inline int32_t ubiq_error(const char *message, size_t size) {
  extism_error_set(ubiq_block_new(message, size));
  return 1;
}

/// The same for a string: `return ubiq_error_string("name: is empty; expected 1 to 64 letters");`
static inline int32_t ubiq_error_string(const char *message) {
  return ubiq_error(message, strlen(message));
}

/// Makes the block the call's output and takes ownership of it. Returns 0, what an export returns on success.
static inline int32_t ubiq_output_block(ubiq_block block, size_t size) {
  extism_output_set(block, size);
  return 0;
}

/// Makes a copy of `size` bytes the call's output; the last output of a call counts. Returns 0, what an export returns
/// on success; when memory is out it sets an error and returns 1.
static inline int32_t ubiq_output(const void *data, size_t size) {
  const ubiq_block block = ubiq_block_new(data, size);
  if (block == 0 && size > 0) return ubiq_error_string("output: no memory left for it");
  return ubiq_output_block(block, size);
}

/// The same for a string, without its NUL.
static inline int32_t ubiq_output_string(const char *text) {
  return ubiq_output(text, strlen(text));
}

// Ends the call where going on without what no memory was left for would do something else than was asked.
static inline __attribute__((noreturn)) void ubiq_no_memory(void) {
  ubiq_error_string("no memory left");
  __builtin_trap();
}

// ------------------------------------------------------------------------------------------------------- logging

/// Levels as the host counts them.
enum { UBIQ_LOG_TRACE, UBIQ_LOG_DEBUG, UBIQ_LOG_INFO, UBIQ_LOG_WARN, UBIQ_LOG_ERROR };

/// Whether the host keeps messages of this level; ask before building a dear one.
static inline bool ubiq_log_enabled(int32_t level) {
  return extism_get_log_level() <= level;
}

/// Logs a string at a level. Empty messages are dropped.
static inline void ubiq_log(int32_t level, const char *message) {
  if (!ubiq_log_enabled(level)) return;
  const ubiq_block block = ubiq_block_new_string(message);
  if (block == 0) return;
  switch (level) {
  case UBIQ_LOG_TRACE: extism_log_trace(block); break;
  case UBIQ_LOG_DEBUG: extism_log_debug(block); break;
  case UBIQ_LOG_INFO: extism_log_info(block); break;
  case UBIQ_LOG_WARN: extism_log_warn(block); break;
  default: extism_log_error(block); break;
  }
}

static inline void ubiq_log_trace(const char *message) {
  ubiq_log(UBIQ_LOG_TRACE, message);
}
static inline void ubiq_log_debug(const char *message) {
  ubiq_log(UBIQ_LOG_DEBUG, message);
}
static inline void ubiq_log_info(const char *message) {
  ubiq_log(UBIQ_LOG_INFO, message);
}
static inline void ubiq_log_warn(const char *message) {
  ubiq_log(UBIQ_LOG_WARN, message);
}
static inline void ubiq_log_error(const char *message) {
  ubiq_log(UBIQ_LOG_ERROR, message);
}

// --------------------------------------------------------------------------------------------- config, variables

// Reads a block that the host returned and frees it. The text is ended by NUL where there is room for one.
static inline ptrdiff_t ubiq_block_take(ubiq_block block, void *buffer, size_t capacity) {
  if (block == 0) return -1;
  const size_t size = ubiq_block_size(block);
  const size_t read = ubiq_block_read(block, buffer, capacity);
  if (read < capacity) ((char *)buffer)[read] = '\0';
  ubiq_block_free(block);
  return (ptrdiff_t)size;
}

/// Copies the value of a config key into `buffer`, at most `capacity` bytes, ended by NUL where there is room. Returns the
/// value's whole length in bytes, which is more than `capacity` when it was cut, and -1 when the key is not set (or set
/// to nothing: the host does not tell these apart).
static inline ptrdiff_t ubiq_config(const char *key, void *buffer, size_t capacity) {
  return ubiq_block_take(extism_config_get(ubiq_block_new_string(key)), buffer, capacity);
}

/// The same for a variable: a value that a plugin keeps between calls, for as long as its instance lives.
static inline ptrdiff_t ubiq_var_get(const char *key, void *buffer, size_t capacity) {
  return ubiq_block_take(extism_var_get(ubiq_block_new_string(key)), buffer, capacity);
}

/// Keeps a copy of `size` bytes under `key`. A size of 0 removes the variable. Traps when memory is out; the host traps when
/// the variables together pass its limit.
static inline void ubiq_var_set(const char *key, const void *value, size_t size) {
  const ubiq_block block = ubiq_block_new(value, size);
  if (block == 0 && size > 0) ubiq_no_memory(); // no block would remove the variable
  extism_var_set(ubiq_block_new_string(key), block);
}

/// Forgets a variable.
static inline void ubiq_var_remove(const char *key) {
  extism_var_set(ubiq_block_new_string(key), 0);
}

// ---------------------------------------------------------------------------------------------------------- HTTP

/// What a server answered: its status, and its body in a block of the caller's (0 when it is empty).
typedef struct ubiq_http_response {
  int32_t status;
  ubiq_block body;
} ubiq_http_response;

// Writes text as the inside of a JSON string and returns the end; six bytes a character are enough.
static inline char *ubiq_json_write(char *to, const char *text) {
  static const char hex[] = "0123456789abcdef";
  for (; *text != '\0'; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c < 0x20) {
      const char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
      memcpy(to, escape, 6);
      to += 6;
      continue;
    }
    if (c == '"' || c == '\\') *to++ = '\\';
    *to++ = (char)c;
  }
  return to;
}

static inline char *ubiq_text_write(char *to, const char *text) {
  const size_t size = strlen(text);
  memcpy(to, text, size);
  return to + size;
}

static inline ubiq_block ubiq_http_describe(const char *method, const char *url, const char *headers) {
  char *json = (char *)ubiq_alloc(64 + 6 * (strlen(method) + strlen(url)) + strlen(headers));
  if (json == NULL) return 0;
  char *end = ubiq_text_write(json, "{\"method\":\"");
  end = ubiq_json_write(end, method);
  end = ubiq_text_write(end, "\",\"url\":\"");
  end = ubiq_json_write(end, url);
  end = ubiq_text_write(end, "\",\"headers\":");
  end = ubiq_text_write(end, headers);
  end = ubiq_text_write(end, "}");
  const ubiq_block block = ubiq_block_new(json, (size_t)(end - json));
  ubiq_free(json);
  return block;
}

/// Sends an HTTP request and waits for the answer. `headers` is a JSON object of strings (`{"accept":"text/plain"}`) or
/// NULL; `size` 0 sends no body. Traps when memory is out. The host traps when the URL's host is not among the plugin's
/// allowed hosts, when no connection can be made, and past its limits of time and size. The caller ends the answer with
/// `ubiq_http_close`.
static inline ubiq_http_response ubiq_http_request(const char *method, const char *url, const char *headers,
                                                   const void *body, size_t size) {
  const ubiq_block request = ubiq_http_describe(method, url, headers != NULL ? headers : "{}");
  const ubiq_block content = ubiq_block_new(body, size);
  if (request == 0 || (content == 0 && size > 0)) ubiq_no_memory(); // no block would be a request without a body
  ubiq_http_response response = {0, 0};
  response.body = extism_http_request(request, content);
  response.status = extism_http_status_code();
  return response;
}

/// The headers of the last answer as a JSON object with lower-case names, as `ubiq_config` returns its values; -1 where the
/// host does not hand headers out.
static inline ptrdiff_t ubiq_http_headers(char *buffer, size_t capacity) {
  return ubiq_block_take(extism_http_headers(), buffer, capacity);
}

/// Ends an answer.
static inline void ubiq_http_close(ubiq_http_response *response) {
  ubiq_block_free(response->body);
  response->body = 0;
}

// ------------------------------------------------------------------------------------------------------- numbers

/// Writes a number in decimal into `text`, at least 21 bytes long, ends it by NUL and returns its length.
static inline size_t ubiq_format_u64(char *text, uint64_t value) {
  char digits[20];
  size_t count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  for (size_t i = 0; i < count; i++) text[i] = digits[count - 1 - i];
  text[count] = '\0';
  return count;
}

#ifdef __cplusplus
}
#endif

#endif
