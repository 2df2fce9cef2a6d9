// An engine that can only say who it is and fail to open; load_test.c loads it, and one that is built for another version.
#include "engine/loaded/attach.h"

#ifdef STUB_IS_OF_ANOTHER_TIME
enum { STUB_ABI = ENGINE_ABI + 1 };
#else
enum { STUB_ABI = ENGINE_ABI };
#endif

static ubiq_error *open(const engine_options *options, engine **out) {
  (void)out;
  return ubiq_error_wrap(ubiq_error_new(UBIQ_BUSY, "%u stores are too many", options->stores_max), "stub");
}

static const engine_ops ops = {.name = "stub", .version = "1", .open = open};

const engine_exported ENGINE_EXPORTED = {.abi = STUB_ABI, .ops = &ops, .attach = loaded_attach};
