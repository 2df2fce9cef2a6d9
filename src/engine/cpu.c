// See cpu.h.
#include "engine/cpu.h"

#include "base/text.h"

#include <string.h>

#if defined(__x86_64__)

// The compiler's builtin takes constants only. Both gcc 12 and clang 14 know these.
/* clang-format off */
#define FEATURES(X)                                                                                                    \
  X("sse3") X("ssse3") X("sse4.1") X("sse4.2") X("popcnt") X("avx") X("avx2") X("fma") X("bmi") X("bmi2")              \
  X("avx512f") X("avx512dq") X("avx512vl") X("avx512vbmi") X("avx512bitalg") X("avx512vnni")
/* clang-format on */

static const char architecture[] = "x86_64";

static bool append_features(buffer *out) {
  bool good = true;
#define FEATURE(name)                                                                                                  \
  if (__builtin_cpu_supports(name)) good = good && buffer_append_string(out, " " name);
  FEATURES(FEATURE)
#undef FEATURE
  return good;
}

#elif defined(__aarch64__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

static const char architecture[] = "aarch64";

static const struct {
  unsigned long bit;
  const char *name;
} features[] = {{HWCAP_ATOMICS, " lse"}, {HWCAP_PACA, " pauth"}, {HWCAP_FPHP, " fp16"}, {HWCAP_ASIMDDP, " dotprod"}};

static bool append_features(buffer *out) {
  bool good = true;
  for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
    if (getauxval(AT_HWCAP) & features[i].bit) good = good && buffer_append_string(out, features[i].name);
  return good;
}

#else

static const char architecture[] = "unknown";

static bool append_features(buffer *out) {
  (void)out;
  return true;
}

#endif

bool cpu_describe(buffer *out) {
  return buffer_append_string(out, architecture) && append_features(out);
}

static bool has_word(const char *words, text word) {
  text rest = text_of(words), other;
  while (text_split(&rest, ' ', &other))
    if (text_equal(other, word)) return true;
  return false;
}

ubiq_bytes cpu_lacks(const char *have, const char *wanted) {
  text rest = text_of(wanted), word;
  while (text_split(&rest, ' ', &word))
    if (!has_word(have, word)) return (ubiq_bytes){(const uint8_t *)word.data, word.size};
  return (ubiq_bytes){0};
}
