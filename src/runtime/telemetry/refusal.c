// A table from statuses to reasons.
#include "runtime/telemetry/refusal.h"

static const struct {
  const char *name;
  unsigned statuses[2]; ///< 0: none
} reasons[REFUSALS] = {
    [REFUSAL_MALFORMED] = {"malformed", {400}}, [REFUSAL_UNKNOWN_CALLER] = {"unknown_caller", {401}},
    [REFUSAL_DENIED] = {"denied", {403}},       [REFUSAL_NOT_FOUND] = {"not_found", {404}},
    [REFUSAL_NO_METHOD] = {"no_method", {405}}, [REFUSAL_TOO_SLOW] = {"too_slow", {408}},
    [REFUSAL_TOO_LARGE] = {"too_large", {413}}, [REFUSAL_HEADERS_TOO_LARGE] = {"headers_too_large", {414, 431}},
    [REFUSAL_BUSY] = {"busy", {429}},           [REFUSAL_UNAVAILABLE] = {"unavailable", {503}},
    [REFUSAL_OTHER] = {"other", {0}},
};

const char *refusal_name(refusal reason) {
  return reasons[reason].name;
}

refusal refusal_of_status(unsigned status) {
  for (int i = 0; i < REFUSAL_OTHER; i++)
    if (status != 0 && (reasons[i].statuses[0] == status || reasons[i].statuses[1] == status)) return (refusal)i;
  return REFUSAL_OTHER;
}
