// See the header. Nothing of C++ leaves this file, exceptions above all.
#include "services/zone.h"

#include <date/tz.h>

#include <exception>
#include <string_view>

namespace {

constexpr size_t NAME_MAX_BYTES = 64;

const date::time_zone *from(const zone *self) {
  return reinterpret_cast<const date::time_zone *>(self);
}

bool has_database() {
  try {
    return !date::get_tzdb().zones.empty();
  } catch (const std::exception &) {
    return false;
  }
}

} // namespace

ubiq_error *zone_find(text name, const zone **out) {
  if (!has_database())
    return ubiq_error_new(UBIQ_UNAVAILABLE, "this machine has no time zone database; install the package tzdata");
  if (name.size > 0 && name.size <= NAME_MAX_BYTES) {
    try {
      const date::time_zone *found = date::locate_zone(std::string_view(name.data, name.size));
      found->get_info(date::sys_seconds{}); // reads its file, so that nothing can go wrong later
      *out = reinterpret_cast<const zone *>(found);
      return nullptr;
    } catch (const std::bad_alloc &) {
      return ubiq_error_no_memory();
    } catch (const std::exception &) { // there is none, or its file is no good
    }
  }
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "\"%.*s\" is no time zone; expected a name of the IANA database such as Europe/Berlin or UTC",
                        static_cast<int>(name.size < NAME_MAX_BYTES ? name.size : NAME_MAX_BYTES), name.data);
}

const char *zone_name(const zone *self) {
  return from(self)->name().c_str();
}

zone_period zone_period_at(const zone *self, int64_t utc_s) {
  const date::sys_info info = from(self)->get_info(date::sys_seconds{std::chrono::seconds{utc_s}});
  return {info.begin.time_since_epoch().count(), info.end.time_since_epoch().count(),
          static_cast<int32_t>(info.offset.count())};
}
