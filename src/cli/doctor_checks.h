// What `ubiq doctor` looks at: each check is a function that says how one thing is and, when it is not well, what to do.
#ifndef CLI_DOCTOR_CHECKS_H
#define CLI_DOCTOR_CHECKS_H

#include "base/buffer.h"
#include "ubiq/error.h"

typedef enum finding_state {
  FINDING_OK,
  FINDING_WARN, ///< something works less well, or not at all that not everybody needs
  FINDING_FAIL, ///< what everybody needs does not work
} finding_state;

typedef struct finding {
  const char *name; ///< a constant
  finding_state state;
  buffer message; ///< how it is; text, owned
  buffer advice;  ///< what to do; empty when it is well
} finding;

typedef struct doctor_question {
  const char *state;  ///< folder of a server's state; NULL: the default's, when it is there
  const char *listen; ///< where a server is to listen
  const char *admin;  ///< and its admin API
} doctor_question;

/// Fills in all of a zeroed finding but its name. Errors: out of memory, and what could not be looked at.
typedef struct doctor_check {
  const char *name;
  ubiq_error *(*look)(const doctor_question *question, finding *out);
} doctor_check;

/// All, in the order in which they are told.
const doctor_check *doctor_check_list(size_t *count);

#endif
