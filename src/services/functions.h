// The service that calls functions: of the caller's own project and release.
#ifndef SERVICES_FUNCTIONS_H
#define SERVICES_FUNCTIONS_H

#include "services/service.h"

/// How functions are run, which is above services: the runtime sets it (services.h). Each ends its call, at once or later.
typedef struct function_host {
  void (*list)(service_call *call);
  /// `input` lives as long as the call. `waits`: the answer is the run's; else it tells the run's id.
  void (*run)(service_call *call, text name, ubiq_bytes input, bool waits);
  void (*result)(service_call *call, text id);
} function_host;

#endif
