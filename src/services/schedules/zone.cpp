// See the header. Nothing of C++ leaves this file, exceptions above all.
#include "services/schedules/zone.h"

#include "services/schedules/zone_rule.h"

#include <date/tz.h>

#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

struct zone {
  const date::time_zone *listed; ///< the library's: what its file lists
  bool has_rule;
  zone_rule rule; ///< of what comes behind that
  int64_t rule_s; ///< from when on
};

namespace {

constexpr size_t NAME_MAX_BYTES = 64;
const char DIRECTORY[] = "/usr/share/zoneinfo/";

bool has_database() {
  try {
    return !date::get_tzdb().zones.empty();
  } catch (const std::exception &) {
    return false;
  }
}

/// The last line of a zone's file, which is between line feeds (RFC 8536, section 3.3). Files of the first version have none.
std::string footer_of(std::string_view name) {
  std::ifstream file(std::string(DIRECTORY).append(name), std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (content.size() < 44 || content.compare(0, 4, "TZif") != 0 || content[4] < '2' || content.back() != '\n')
    return {};
  const size_t begin = content.rfind('\n', content.size() - 2);
  return begin == std::string::npos ? std::string() : content.substr(begin + 1, content.size() - begin - 2);
}

int64_t seconds_of(date::sys_seconds time) {
  return time.time_since_epoch().count();
}

/// Reads its file, so that nothing can go wrong later.
std::unique_ptr<zone> make(std::string_view name) {
  auto made = std::make_unique<zone>();
  made->listed = date::locate_zone(name);
  made->rule_s = seconds_of(made->listed->get_info(date::sys_days{date::year{9000} / 1 / 1}).begin);
  const std::string footer = footer_of(name);
  made->has_rule = zone_rule_parse(text{footer.data(), footer.size()}, &made->rule);
  return made;
}

/// The zones that were asked for, of which there are no more than names of the database.
const zone *find(std::string_view name) {
  static std::mutex lock;
  static auto *known = new std::map<std::string, std::unique_ptr<zone>, std::less<>>; // lives as long as the process
  const std::lock_guard guard(lock);
  auto at = known->find(name);
  if (at == known->end()) at = known->emplace(std::string(name), make(name)).first;
  return at->second.get();
}

} // namespace

ubiq_error *zone_find(text name, const zone **out) {
  if (!has_database())
    return ubiq_error_new(UBIQ_UNAVAILABLE, "this machine has no time zone database; install the package tzdata");
  if (name.size > 0 && name.size <= NAME_MAX_BYTES) {
    try {
      *out = find(std::string_view(name.data, name.size));
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
  return self->listed->name().c_str();
}

zone_period zone_period_at(const zone *self, int64_t utc_s) {
  if (self->has_rule && utc_s >= self->rule_s) {
    zone_period period = zone_rule_period_at(&self->rule, utc_s);
    if (period.begin_s < self->rule_s) period.begin_s = self->rule_s;
    return period;
  }
  const date::sys_info info = self->listed->get_info(date::sys_seconds{std::chrono::seconds{utc_s}});
  return {seconds_of(info.begin), seconds_of(info.end), static_cast<int32_t>(info.offset.count())};
}
