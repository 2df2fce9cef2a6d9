/// ubiq/core.h: functions in C that are called without Extism's kernel, with `wire = "core"` in ubiq.toml.
///
///     #include <ubiq/core.h>
///
///     UBIQ_CORE_HANDLE(call) {
///       const ubiq_core_bytes answer = ubiq_core_invoke_string(
///           "{\"method\":\"POST\",\"path\":\"/v1/kv/visits/increment\",\"body\":{}}");
///       if (ubiq_core_status(answer) != 200) return ubiq_core_error("visits cannot be counted");
///       const ubiq_core_answer said = ubiq_core_ok(answer.data, answer.size);
///       ubiq_core_free(answer);
///       return said;
///     }
///
/// Everything crosses in the module's own memory, so that nothing here is copied twice. Of ubiq/pdk.h a module may use what needs
/// no kernel: ubiq_alloc, ubiq_free, ubiq_format_u64, and memcpy and its like. docs/project.md says what the wire is,
/// docs/invoke-host.md what requests and answers look like.
#ifndef UBIQ_CORE_H
#define UBIQ_CORE_H

#include <ubiq/pdk.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The formats of requests, answers and input; `UBIQ_JSON` and `UBIQ_MESSAGEPACK` of ubiq/host.h.
enum { UBIQ_CORE_JSON = 0, UBIQ_CORE_MESSAGEPACK = 1 };

/// Bytes in the module's memory; `data` NULL: none.
typedef struct ubiq_core_bytes {
  const char *data;
  size_t size;
} ubiq_core_bytes;

/// What the host calls the module for.
typedef struct ubiq_core_call {
  int32_t format;            ///< of `input` and of what is answered: JSON
  ubiq_core_bytes operation; ///< the function's `export`
  ubiq_core_bytes input;     ///< until the module is called again
} ubiq_core_call;

// ------------------------------------------------------------------------------------------------ what the host calls

/// What the host takes as an answer, a place and a size in one; 0 is none.
typedef uint64_t ubiq_core_answer;

__attribute__((weak, export_name("ubiq_alloc"))) void *ubiq_core_export_alloc(size_t size) {
  return ubiq_alloc(size);
}

__attribute__((weak, export_name("ubiq_free"))) void ubiq_core_export_free(void *place, size_t size) {
  (void)size;
  ubiq_free(place);
}

/// Begins the one function of a module that the host calls, for each of its functions: `call` is a pointer to a
/// ubiq_core_call. It returns ubiq_core_ok or ubiq_core_error.
#define UBIQ_CORE_HANDLE(call)                                                                                         \
  static inline ubiq_core_answer ubiq_core_handle(const ubiq_core_call *call);                                         \
  __attribute__((export_name("ubiq_handle"))) ubiq_core_answer ubiq_core_export_handle(                                \
      int32_t format, const char *operation, size_t operation_size, const char *input, size_t input_size);             \
  ubiq_core_answer ubiq_core_export_handle(int32_t format, const char *operation, size_t operation_size,               \
                                           const char *input, size_t input_size) {                                     \
    const ubiq_core_call told = {format, {operation, operation_size}, {input, input_size}};                            \
    return ubiq_core_handle(&told);                                                                                    \
  }                                                                                                                    \
  static inline ubiq_core_answer ubiq_core_handle(const ubiq_core_call *call)

/// Whether that is what the bytes say.
static inline bool ubiq_core_is(ubiq_core_bytes bytes, const char *text) {
  return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

static inline ubiq_core_answer ubiq_core_pack(const char *place, size_t size) {
  return (uint64_t)(uintptr_t)place << 32 | (uint32_t)size;
}

/// Answers with a value: JSON of `size` bytes, which are copied. The host frees the answer. What a module does not free lasts as
/// long as the instance, which is one call unless `instance` in ubiq.toml says otherwise.
static inline ubiq_core_answer ubiq_core_ok(const char *json, size_t size) {
  static const char start[] = "{\"ok\":";
  char *answer = (char *)ubiq_alloc(size + sizeof start);
  if (answer == NULL) return 0;
  memcpy(answer, start, sizeof start - 1);
  memcpy(answer + sizeof start - 1, json, size);
  answer[sizeof start - 1 + size] = '}';
  return ubiq_core_pack(answer, size + sizeof start);
}

/// Fails with words, ended by NUL.
static inline ubiq_core_answer ubiq_core_error(const char *words) {
  char *answer = (char *)ubiq_alloc(32 + 6 * strlen(words));
  if (answer == NULL) return 0;
  char *end = ubiq_json_write(ubiq_text_write(answer, "{\"error\":{\"message\":\""), words);
  end = ubiq_text_write(end, "\"}}");
  return ubiq_core_pack(answer, (size_t)(end - answer));
}

// ---------------------------------------------------------------------------------------- what the module asks for

/// The one host function: a place and a size in one, made by the module's `ubiq_alloc` and the module's to free; 0: that had
/// no room for the answer.
UBIQ_IMPORT("ubiq:wire/host", "invoke")
extern uint64_t ubiq_core_invoke_raw(int32_t format, const void *request, size_t size);

/// Sends a request to the platform's API. What is wrong with it is told in the answer; `data` is NULL only where memory is
/// out. What was asked for may have been done then. The answer is freed by ubiq_core_free.
static inline ubiq_core_bytes ubiq_core_invoke(int32_t format, const void *request, size_t size) {
  const uint64_t packed = ubiq_core_invoke_raw(format, request, size);
  const ubiq_core_bytes answer = {(const char *)(uintptr_t)(packed >> 32), (size_t)(uint32_t)packed};
  return answer;
}

/// The same with a request in JSON, ended by NUL.
static inline ubiq_core_bytes ubiq_core_invoke_string(const char *request) {
  return ubiq_core_invoke(UBIQ_CORE_JSON, request, strlen(request));
}

/// The status of an answer in JSON, which begins with it; 0: it is none.
static inline int32_t ubiq_core_status(ubiq_core_bytes answer) {
  if (answer.size < 13) return 0;
  return (answer.data[10] - '0') * 100 + (answer.data[11] - '0') * 10 + (answer.data[12] - '0');
}

static inline void ubiq_core_free(ubiq_core_bytes answer) {
  ubiq_free((void *)(uintptr_t)answer.data);
}

#ifdef __cplusplus
}
#endif

#endif
