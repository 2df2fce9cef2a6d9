// The service kv: keys and values that last. Its handlers are declared in the generated services/operations.h.
//
// A key is 1 to 256 bytes of UTF-8, compared byte for byte; a value JSON text, or bytes with a media type. How large values are, and
// how many keys a project has, is for quotas.h to say. A write is answered when it is on the disk. A caller whose function has
// `private = true` has keys of its own.
#ifndef SERVICES_KV_KV_H
#define SERVICES_KV_KV_H

#include "services/backend/backend.h"
#include "services/service.h"

enum {
  KV_BATCH_MAX = 100, ///< operations
};

/// Whose keys a caller's are.
backend_place kv_place(const service_caller *caller);

/// A write under way: the changes, and how its success is answered. Lives in the call's arena.
typedef struct kv_write {
  backend_kv_write operation;
  service_call *call;
  struct stored_value *values; ///< of each change; owned
  void (*answer)(struct kv_write *self);
} kv_write;

/// Makes room for a write of `count` changes; NULL when memory is out.
UBIQ_NODISCARD kv_write *kv_write_new(service_call *call, size_t count, void (*answer)(kv_write *self));
/// Starts it when `error` is NULL; else ends the call with that.
void kv_write_start(kv_write *self, ubiq_error *error);

/// Adds the header that tells a version. False when memory is out.
UBIQ_NODISCARD bool kv_answer_version(service_call *call, uint64_t version);

#endif
