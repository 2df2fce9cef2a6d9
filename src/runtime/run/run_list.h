// Runs in order, linked by a member of theirs: a run is in at most one list. The worker's thread only.
#ifndef RUNTIME_RUN_RUN_LIST_H
#define RUNTIME_RUN_RUN_LIST_H

#include <stddef.h>

struct run;

/// Zeroed: empty.
typedef struct run_list {
  struct run *first, *last;
  size_t count;
} run_list;

void run_list_append(run_list *list, struct run *run);
void run_list_prepend(run_list *list, struct run *run);

/// Takes a run out, which must be in this list.
void run_list_remove(run_list *list, struct run *run);

#endif
