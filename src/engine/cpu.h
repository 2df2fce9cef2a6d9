// What this machine's CPU can do, as far as engines make use of it when they compile.
#ifndef ENGINE_CPU_H
#define ENGINE_CPU_H

#include "base/buffer.h"

/// Appends the architecture and the features that are there, as words: "x86_64 sse3 ssse3 avx2". False when memory is
/// out. Engines know more features than these and check all of them again: this is for telling people early.
UBIQ_NODISCARD bool cpu_describe(buffer *out);

/// What `wanted`, a description of some CPU, has and `have`, another's, has not: the first such word, within `wanted`;
/// empty when all is there. The size is 0 then.
ubiq_bytes cpu_lacks(const char *have, const char *wanted);

#endif
