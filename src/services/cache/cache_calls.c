// Handlers of cache. All but a lock that is waited for are answered at once.
#include "services/cache/cache.h"

#include "base/units.h"
#include "services/operations.h"
#include "services/services.h"
#include "services/stored_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HOLD_MS_DEFAULT = 10000 };

static char *append(char *at, text part) {
  if (part.size > 0) memcpy(at, part.data, part.size);
  return at + part.size;
}

/// Names and key behind each other, with a NUL between them: no name has one in it, a key may. NULL data: memory is out.
static text join(arena *arena, text project, text function, text key) {
  const size_t size = project.size + function.size + key.size + 2;
  char *joined = arena_alloc(arena, size), *at = joined;
  if (joined == NULL) return (text){NULL, 0};
  at = append(append(at, project), (text){"", 1});
  at = append(append(at, function), (text){"", 1});
  append(at, key);
  return (text){joined, size};
}

/// The key as the cache has it: behind its project and, in the function's own scope, the function.
static ubiq_error *full_key(service_call *call, const service_param *scope, text *out) {
  const service_caller *caller = &call->caller;
  const text key = call->params[0].text;
  bool is_own = caller->is_private || text_equal_string(scope->text, "function");
  const text function = is_own ? caller->function : (text){"", 0};
  ubiq_error *error = call->services->cache == NULL ? ubiq_error_new(UBIQ_UNAVAILABLE, "cache: this server has none")
                                                    : stored_key_check(key);
  if (error != NULL) return error;
  if (is_own && function.size == 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "scope is \"function\"; expected \"project\" where no function asks");
  *out = join(&call->arena, caller->project, function, key);
  if (out->data == NULL) return ubiq_error_no_memory();
  return out->size <= CACHE_KEY_MAX ? NULL
                                    : ubiq_error_new(UBIQ_INVALID_INPUT, "the names before the key are too long");
}

/// Answers with an entry, and gives it back.
static void answer_entry(service_call *call, cache_entry *entry) {
  stored_value_answer(call, cache_entry_value(entry), cache_entry_media_type(entry));
  cache_entry_release(entry);
}

void service_cache_get(service_call *call) {
  text key;
  ubiq_error *error = full_key(call, &call->params[CACHE_GET_SCOPE], &key);
  cache_entry *entry = error == NULL ? cache_get(call->services->cache, key) : NULL;
  if (error == NULL && entry == NULL) error = ubiq_error_new(UBIQ_NOT_FOUND, "cache: there is no such entry");
  if (error != NULL)
    service_call_fail(call, error);
  else
    answer_entry(call, entry);
}

static ubiq_error *check_ttl(const service_param *ttl) {
  if (!ttl->is_given || ttl->number > 0) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "ttl is 0; expected %s, above 0", UNITS_DURATION_FORM);
}

static ubiq_error *put(service_call *call) {
  const service_param *ttl = &call->params[CACHE_PUT_TTL];
  text key;
  stored_value value = {0};
  ubiq_error *error = full_key(call, &call->params[CACHE_PUT_SCOPE], &key);
  if (error == NULL) error = check_ttl(ttl);
  if (error == NULL) error = stored_value_read(&call->body, CACHE_VALUE_MAX, &value);
  if (error == NULL)
    error = cache_put(call->services->cache, key, cache_owner_of(call->caller.function), value.media_type, value.bytes,
                      ttl->is_given ? ttl->number : 0, call->params[CACHE_PUT_LOCK].text);
  stored_value_free(&value);
  return error;
}

static void end(service_call *call, ubiq_error *error) {
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_done(call);
}

void service_cache_put(service_call *call) {
  end(call, put(call));
}

void service_cache_delete(service_call *call) {
  text key;
  ubiq_error *error = full_key(call, &call->params[CACHE_DELETE_SCOPE], &key);
  if (error == NULL) cache_remove(call->services->cache, key);
  end(call, error);
}

static ubiq_error *increment(service_call *call, int64_t *number) {
  yyjson_val *by = yyjson_obj_get(call->body.value, "by"), *given = yyjson_obj_get(call->body.value, "ttl");
  service_param ttl = {.is_given = given != NULL, .text = {yyjson_get_str(given), yyjson_get_len(given)}};
  text key;
  ubiq_error *error = full_key(call, &call->params[CACHE_INCREMENT_SCOPE], &key);
  if (error == NULL && ttl.is_given && !units_duration_parse(ttl.text, &ttl.number))
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "ttl is no duration; expected %s", UNITS_DURATION_FORM);
  if (error == NULL) error = check_ttl(&ttl);
  if (error != NULL) return error;
  return cache_increment(call->services->cache, key, cache_owner_of(call->caller.function),
                         by == NULL ? 1 : yyjson_get_sint(by), ttl.number, number);
}

void service_cache_increment(service_call *call) {
  char json[48];
  int64_t number = 0;
  ubiq_error *error = increment(call, &number);
  int size = snprintf(json, sizeof json, "{\"value\":%" PRId64 "}", number);
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_answer_json(call, (text){json, (size_t)size});
}

// ----------------------------------------------------------------------------------------------------------- get or lock

static void answer_lock(service_call *call, const char *lock) {
  char json[CACHE_LOCK_SIZE + 16];
  int size = snprintf(json, sizeof json, "{\"lock\":\"%s\"}", lock);
  call->status = 201;
  service_call_answer_json(call, (text){json, (size_t)size});
}

static void answer_outcome(cache_waiter *waiter, cache_outcome outcome) {
  service_call *call = waiter->user;
  switch (outcome) {
  case CACHE_FOUND: answer_entry(call, waiter->entry); break;
  case CACHE_LOCKED: answer_lock(call, waiter->lock); break;
  case CACHE_TAKEN:
    service_call_fail(call, ubiq_error_new(UBIQ_CONFLICT, "somebody else holds the lock; wait longer, or ask again"));
    break;
  default: service_call_fail(call, ubiq_error_new(UBIQ_BUSY, "too many locks are held or waited for; try again later"));
  }
}

static void stop_waiting(service_call *call) {
  if (cache_stop_waiting(call->services->cache, call->state))
    service_call_fail(call, ubiq_error_new(UBIQ_CANCELLED, "nobody waits for the entry any more"));
}

static ubiq_error *read_waiter(service_call *call, cache_waiter **out) {
  const service_param *hold = &call->params[CACHE_LOCK_HOLD], *wait = &call->params[CACHE_LOCK_WAIT];
  cache_waiter *waiter = *out = arena_array(&call->arena, 1, sizeof *waiter);
  if (waiter == NULL) return ubiq_error_no_memory();
  *waiter = (cache_waiter){.hold_ms = hold->number == 0 && !hold->is_given ? HOLD_MS_DEFAULT : hold->number,
                           .wait_ms = wait->number,
                           .done = answer_outcome,
                           .user = call};
  if (waiter->hold_ms == 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "hold is 0; expected %s, above 0", UNITS_DURATION_FORM);
  return full_key(call, &call->params[CACHE_LOCK_SCOPE], &waiter->key);
}

/// What cancels is set before anybody else can answer: afterwards the call may be gone.
void service_cache_lock(service_call *call) {
  cache_waiter *waiter = NULL;
  ubiq_error *error = read_waiter(call, &waiter);
  if (error != NULL) {
    service_call_fail(call, error);
    return;
  }
  call->state = waiter;
  call->cancel = stop_waiting;
  cache_outcome outcome = cache_lock(call->services->cache, waiter);
  if (outcome != CACHE_WAITING) answer_outcome(waiter, outcome);
}
