// The one thread of the process that makes time pass for running guests.
//
// While at least one call is under way somewhere, it ticks every open engine each TICKER_PERIOD_US; a tick makes a
// running guest call its store's `tick` callback soon after. When nothing has run for a while it rests on a futex and
// costs nothing. Thread-safe throughout.
#ifndef ENGINE_TICKER_H
#define ENGINE_TICKER_H

#include "engine/engine.h"

enum { TICKER_PERIOD_US = 1900 }; ///< what is cut by a tick ends within 2 ms, the engine's look at it included

/// An engine takes part from here on; engines register when opened.
ubiq_error *ticker_add(engine *engine);
/// For tests: the process keeps its engines to its end.
void ticker_remove(engine *engine);

/// Around every call into a guest. A few nanoseconds each while the ticker is awake. `whose` is what is called: an address
/// that one thread uses at a time; it is not followed.
void ticker_begin(const void *whose);
void ticker_end(const void *whose);

#endif
