/// Time zones of the IANA database: what a place's clocks show.
///
/// Howard Hinnant's date does the work behind one C++ file, over the machine's own database (/usr/share/zoneinfo; a zone's file
/// is read when it is first asked for). glibc's own zones are one for the whole process, so they are no good here. What comes
/// behind the last change that a file lists, which is in 2037 or long ago, it does not know: the file's rule for that is read here
/// (zone_rule.h).
#ifndef SERVICES_SCHEDULES_ZONE_H
#define SERVICES_SCHEDULES_ZONE_H

#include "base/text.h"
#include "ubiq/error.h"

UBIQ_BEGIN

typedef struct zone zone;

/// A time during which a place's clocks differ from UTC by the same.
typedef struct zone_period {
  int64_t begin_s;  ///< seconds of UTC since 1970; the first of the period
  int64_t end_s;    ///< the first of the next one
  int32_t offset_s; ///< what its clocks show, less UTC
} zone_period;

/// Finds a zone by its name (`Europe/Berlin`, `UTC`). It lives as long as the process. Errors: `invalid_input` (no such zone),
/// `unavailable` (this machine has no database). Any thread.
ubiq_error *zone_find(text name, const zone **out);

const char *zone_name(const zone *self);

/// The period that a time is in. Any thread.
zone_period zone_period_at(const zone *self, int64_t utc_s);

UBIQ_END

#endif
