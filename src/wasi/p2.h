// WASI 0.2, as components import it: standard streams, clocks, randomness, and waiting for time. Nothing else is granted:
// there are no arguments, no environment, no directories and no network. What is not here can be imported, because what
// makes components imports all of WASI, and ends the call that uses it.
//
// The state is a wasi_context, as for preview 1 (wasi.h), so that output, clocks and waits go the same ways.
#ifndef WASI_P2_H
#define WASI_P2_H

#include "engine/component.h"
#include "wasi/wasi.h"

/// Binds an import of WASI 0.2; false for what is of something else. `item` and `binding` outlive what it is bound to.
bool wasi_p2_bind(const component_item *item, const wasi_binding *binding, component_import *out);

#endif
