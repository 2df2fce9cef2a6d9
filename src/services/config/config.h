// Settings as functions ask for them.
#ifndef SERVICES_CONFIG_CONFIG_H
#define SERVICES_CONFIG_CONFIG_H

#include "services/service.h"

#define CONFIG_PREFIX "UBIQ_CONFIG_"

enum { CONFIG_VARIABLE_SIZE = 160 };

/// The variable of the process that has a setting, ended by NUL: of `smtp-host` UBIQ_CONFIG_SMTP_HOST. False when the name is too long.
bool config_variable(text name, char out[CONFIG_VARIABLE_SIZE]);

/// Ends a call with a name and what it stands for.
void config_answer(service_call *call, text name, text value);

#endif
