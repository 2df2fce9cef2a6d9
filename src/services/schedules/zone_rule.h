/// What a zone's clocks do behind the last change that its file lists: a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`, as POSIX has it for TZ,
/// with the hours from -167 to 167 that RFC 8536 allows besides. Files of the IANA database end with one.
#ifndef SERVICES_SCHEDULES_ZONE_RULE_H
#define SERVICES_SCHEDULES_ZONE_RULE_H

#include "services/schedules/zone.h"

UBIQ_BEGIN

/// A day of every year, and a time of it.
typedef struct zone_rule_day {
  enum {
    ZONE_RULE_OF_MONTH, ///< the `week`th `day` of the week (0: Sunday) of `month`; the 5th is the last
    ZONE_RULE_OF_YEAR,  ///< `day` of the year from 0, leap days counted
    ZONE_RULE_JULIAN,   ///< `day` of the year from 1, leap days not counted
  } kind;
  int32_t month, week, day;
  int32_t time_s; ///< of the clocks until then
} zone_rule_day;

typedef struct zone_rule {
  int32_t standard_s, daylight_s; ///< what clocks show, less UTC
  bool has_daylight;
  zone_rule_day begin, end; ///< of daylight saving time
} zone_rule;

/// False when it is no such rule.
bool zone_rule_parse(text rule, zone_rule *out);

/// The period that a time is in; without daylight saving time it has no end.
zone_period zone_rule_period_at(const zone_rule *self, int64_t utc_s);

UBIQ_END

#endif
