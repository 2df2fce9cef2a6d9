// Media types of files, by the ends of their names.
#ifndef RUNTIME_PROJECT_MEDIA_TYPE_H
#define RUNTIME_PROJECT_MEDIA_TYPE_H

#include "base/text.h"

/// The type of a file of this name, text with its charset: `text/html; charset=utf-8`. A constant.
const char *media_type_of(text name);

#endif
