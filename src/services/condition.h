// Conditions of a request: what must hold of the thing that is there, by its entity tag (RFC 9110, sections 8.8.3 and 13.1). Whoever
// sends `if-match` over HTTP has read before, and loses what others wrote meanwhile if nobody looks.
#ifndef SERVICES_CONDITION_H
#define SERVICES_CONDITION_H

#include "services/service.h"

/// What is asked for. All zeroes: nothing. Texts are borrowed.
typedef struct condition {
  bool if_absent;  ///< there is nothing
  text match;      ///< the header `if-match`; empty: it is not there
  text none_match; ///< `if-none-match`
} condition;

/// Whether a header's list has the tag of something, which `tag` is without its quotes. `*` has all of them. A weak tag of ours there is
/// none: one is found only where `is_weak`.
bool condition_names(text list, text tag, bool is_weak);

/// Looks at what is there; `tag` is empty where there is nothing. `what` is its name in messages: `the object`. Errors: `conflict`; the
/// status is 412.
ubiq_error *condition_check(const condition *self, text tag, const char *what);

/// Whether a GET is answered by saying that nothing changed: 304.
bool condition_is_unchanged(const condition *self, text tag);

/// The conditions of a write that the backend looks at, by a version: `*version` 0 where none is asked for. Errors: `invalid_input` for what
/// is no single tag of a version, and for an `if-none-match` that is not `*`.
ubiq_error *condition_read_version(const condition *self, bool *if_absent, uint64_t *version);

#endif
