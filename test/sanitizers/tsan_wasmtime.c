/*
 * What ThreadSanitizer must know of Wasmtime, whose library is not instrumented: memories and stacks go back to a pool
 * when their store or future is deleted, and whoever takes them from there next, on whatever thread, comes after. The
 * linker puts these in the place of Wasmtime's functions (--wrap) in builds with ThreadSanitizer.
 */
#include <stdbool.h>

void __tsan_acquire(void *token);
void __tsan_release(void *token);

static char pool;

#define GIVES_BACK(name)                                                                                               \
  void __real_##name(void *object);                                                                                    \
  void __wrap_##name(void *object);                                                                                    \
  void __wrap_##name(void *object) {                                                                                   \
    __tsan_release(&pool);                                                                                             \
    __real_##name(object);                                                                                             \
  }

GIVES_BACK(wasmtime_store_delete)
GIVES_BACK(wasmtime_call_future_delete)

/* All parameters are words: which ones does not matter here. */
#define TAKES_4(name)                                                                                                  \
  void *__real_##name(void *, void *, void *, void *);                                                                 \
  void *__wrap_##name(void *, void *, void *, void *);                                                                 \
  void *__wrap_##name(void *a, void *b, void *c, void *d) {                                                            \
    void *result = __real_##name(a, b, c, d);                                                                          \
    __tsan_acquire(&pool);                                                                                             \
    return result;                                                                                                     \
  }

#define TAKES_6(name)                                                                                                  \
  void *__real_##name(void *, void *, void *, void *, void *, void *);                                                 \
  void *__wrap_##name(void *, void *, void *, void *, void *, void *);                                                 \
  void *__wrap_##name(void *a, void *b, void *c, void *d, void *e, void *f) {                                          \
    void *result = __real_##name(a, b, c, d, e, f);                                                                    \
    __tsan_acquire(&pool);                                                                                             \
    return result;                                                                                                     \
  }

TAKES_6(wasmtime_instance_new)
TAKES_4(wasmtime_instance_pre_instantiate)
TAKES_6(wasmtime_linker_instantiate)

bool __real_wasmtime_call_future_poll(void *future);
bool __wrap_wasmtime_call_future_poll(void *future);
bool __wrap_wasmtime_call_future_poll(void *future) {
  bool ready = __real_wasmtime_call_future_poll(future);
  __tsan_acquire(&pool);
  return ready;
}
