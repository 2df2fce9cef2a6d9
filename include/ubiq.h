/// libubiq: everything. Each header under ubiq/ also compiles alone.
#ifndef UBIQ_H
#define UBIQ_H

#include "ubiq/artifact.h"
#include "ubiq/base.h"
#include "ubiq/call.h"
#include "ubiq/error.h"
#include "ubiq/function.h"
#include "ubiq/log.h"
#include "ubiq/plugin.h"
#include "ubiq/pool.h"
#include "ubiq/version.h"

#endif
