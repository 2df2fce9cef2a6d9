#include "runtime/run/run_list.h"

#include "runtime/run/run.h"

void run_list_append(run_list *list, run *run) {
  run->previous = list->last;
  run->next = NULL;
  *(list->last == NULL ? &list->first : &list->last->next) = run;
  list->last = run;
  list->count++;
}

void run_list_prepend(run_list *list, run *run) {
  run->previous = NULL;
  run->next = list->first;
  *(list->first == NULL ? &list->last : &list->first->previous) = run;
  list->first = run;
  list->count++;
}

void run_list_remove(run_list *list, run *run) {
  *(run->previous == NULL ? &list->first : &run->previous->next) = run->next;
  *(run->next == NULL ? &list->last : &run->next->previous) = run->previous;
  run->previous = run->next = NULL;
  list->count--;
}
