/// What clang-tidy cannot see: these never answer NULL. scripts/lint includes it before each C source above base.
#include "base/file.h"
#include "base/json.h"
#include "ubiq/error.h"

// No function, because the analyzer follows calls only so deep.
#define never_null(call)                                                                                               \
  __extension__({                                                                                                      \
    ubiq_error *never_null_ = (call);                                                                                  \
    if (!never_null_) __builtin_unreachable();                                                                         \
    never_null_;                                                                                                       \
  })

#define ubiq_error_new(...)    never_null(ubiq_error_new(__VA_ARGS__))
#define ubiq_error_no_memory() never_null(ubiq_error_no_memory())
#define file_error(...)        never_null(file_error(__VA_ARGS__))
#define json_error(...)        never_null(json_error(__VA_ARGS__))
#define json_wrong(...)        never_null(json_wrong(__VA_ARGS__))
