// The quotas of all functions in a map, and the workers that can be woken.
#include "runtime/run/admission.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct function_quotas {
  admission_quotas quotas;
  size_t holders;
  char name[]; ///< the function's
} function_quotas;

typedef struct member {
  void (*wake)(void *user); ///< NULL: not there
  void *user;
} member;

struct admission {
  pthread_mutex_t mutex; ///< guards what follows but for `all`
  admission_quotas all;
  map functions; ///< names to function_quotas
  unsigned workers;
  member members[]; ///< as many as workers
};

static void tell(void *user, unsigned worker) {
  admission *self = user;
  pthread_mutex_lock(&self->mutex);
  member *member = &self->members[worker];
  if (member->wake != NULL) member->wake(member->user);
  pthread_mutex_unlock(&self->mutex);
}

static bool open_quotas(admission *self, admission_limits limits, admission_quotas *out) {
  out->runs = quota_new(self->workers, limits.runs, tell, self);
  out->queue = quota_new(self->workers, limits.queue, tell, self);
  return out->runs != NULL && out->queue != NULL;
}

static void close_quotas(admission_quotas *quotas) {
  quota_delete(quotas->runs);
  quota_delete(quotas->queue);
}

admission *admission_new(unsigned workers, admission_limits limits) {
  admission *self = calloc(1, sizeof *self + workers * sizeof self->members[0]);
  if (self == NULL) return NULL;
  pthread_mutex_init(&self->mutex, NULL);
  self->workers = workers;
  if (open_quotas(self, limits, &self->all)) return self;
  admission_delete(self);
  return NULL;
}

void admission_delete(admission *self) {
  if (self == NULL) return;
  close_quotas(&self->all);
  map_free(&self->functions);
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

void admission_join(admission *self, unsigned worker, void (*wake)(void *user), void *user) {
  pthread_mutex_lock(&self->mutex);
  self->members[worker] = (member){wake, user};
  pthread_mutex_unlock(&self->mutex);
}

void admission_leave(admission *self, unsigned worker) {
  admission_join(self, worker, NULL, NULL);
}

const admission_quotas *admission_all(const admission *self) {
  return &self->all;
}

static function_quotas *find(const admission *self, text name) {
  ubiq_bytes value;
  function_quotas *found;
  if (!map_get(&self->functions, name, &value)) return NULL;
  memcpy(&found, value.data, sizeof found);
  return found;
}

static void end_function(function_quotas *function) {
  close_quotas(&function->quotas);
  free(function);
}

static function_quotas *add(admission *self, text name, admission_limits limits) {
  function_quotas *made = calloc(1, sizeof *made + name.size + 1);
  if (made == NULL) return NULL;
  memcpy(made->name, name.data, name.size);
  if (open_quotas(self, limits, &made->quotas) && map_set(&self->functions, name, &made, sizeof made)) return made;
  end_function(made);
  return NULL;
}

const admission_quotas *admission_hold(admission *self, text name, admission_limits limits) {
  pthread_mutex_lock(&self->mutex);
  function_quotas *function = find(self, name);
  if (function == NULL) function = add(self, name, limits);
  if (function != NULL) {
    function->holders++;
    quota_set_total(function->quotas.runs, limits.runs);
    quota_set_total(function->quotas.queue, limits.queue);
  }
  pthread_mutex_unlock(&self->mutex);
  return function == NULL ? NULL : &function->quotas;
}

void admission_let_go(admission *self, const admission_quotas *quotas) {
  function_quotas *function = (function_quotas *)(uintptr_t)quotas;
  pthread_mutex_lock(&self->mutex);
  bool is_last = --function->holders == 0;
  if (is_last) map_remove(&self->functions, text_of(function->name));
  pthread_mutex_unlock(&self->mutex);
  if (is_last) end_function(function);
}
