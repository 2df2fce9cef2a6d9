// The words.
#include "runtime/limits/busy.h"

const char *busy_reason_name(busy_reason reason) {
  static const char *const names[BUSY_REASONS] = {
      [BUSY_OTHER] = "other",
      [BUSY_FUNCTION_FULL] = "function_full",
      [BUSY_SERVER_FULL] = "server_full",
      [BUSY_NO_PLACE] = "no_place",
      [BUSY_NO_TURN] = "no_turn",
  };
  return names[reason];
}
