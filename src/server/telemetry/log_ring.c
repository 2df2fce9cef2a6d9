// Records are numbered from 1 on; the oldest makes room.
#include "server/telemetry/log_ring.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

typedef struct kept {
  ubiq_log_level level;
  uint64_t time_ns;
  size_t size; ///< of the message
  char *text;  ///< owned: the source, a NUL, the message
} kept;

struct log_ring {
  pthread_mutex_t lock;
  pthread_cond_t came; ///< on the monotonic clock
  bool is_closed;
  uint64_t first, next; ///< numbers: the oldest that is kept, and the next that comes
  size_t bytes;
  kept records[LOG_RING_RECORDS_MAX]; ///< by their number
};

static kept *at(log_ring *self, uint64_t number) {
  return &self->records[number % LOG_RING_RECORDS_MAX];
}

static size_t weight(const kept *record) {
  return sizeof *record + strlen(record->text) + 1 + record->size;
}

static void forget_oldest(log_ring *self) {
  kept *oldest = at(self, self->first++);
  self->bytes -= weight(oldest);
  free(oldest->text);
}

static void keep(log_ring *self, const kept *record) {
  while (self->first < self->next &&
         (self->next - self->first == LOG_RING_RECORDS_MAX || self->bytes + weight(record) > LOG_RING_BYTES_MAX))
    forget_oldest(self);
  *at(self, self->next++) = *record;
  self->bytes += weight(record);
  pthread_cond_broadcast(&self->came);
}

/// What memory has no room for is on standard error all the same.
static void take(void *user, const ubiq_log_record *record) {
  log_ring *self = user;
  log_to_standard_error(NULL, record);
  size_t source_size = strlen(record->source) + 1;
  kept copy = {record->level, record->time_ns, record->message_size, malloc(source_size + record->message_size)};
  if (copy.text == NULL) return;
  memcpy(copy.text, record->source, source_size);
  memcpy(copy.text + source_size, record->message, record->message_size);
  pthread_mutex_lock(&self->lock);
  keep(self, &copy);
  pthread_mutex_unlock(&self->lock);
}

log_ring *log_ring_new(void) {
  log_ring *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&self->came, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&self->lock, NULL);
  self->first = self->next = 1;
  ubiq_log_set(ubiq_log_level_get(), take, self);
  return self;
}

// --------------------------------------------------------------------------------------------------------- reading

static bool is_wished(log_ring *self, uint64_t number, const log_wish *wish) {
  const kept *record = at(self, number);
  return record->level >= wish->from && (wish->source == NULL || strcmp(record->text, wish->source) == 0);
}

/// The number from which on at most `count_max` are wished for; `next` when there is none.
static uint64_t find_first(log_ring *self, const log_wish *wish) {
  uint64_t oldest = wish->after < self->first ? self->first : wish->after, found = self->next;
  uint32_t count = 0;
  for (uint64_t number = self->next; number > oldest && count < wish->count_max; number--)
    if (number - 1 > wish->after && is_wished(self, number - 1, wish)) {
      found = number - 1;
      count++;
    }
  return found;
}

static uint64_t wait_for_first(log_ring *self, const log_wish *wish) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += wish->wait_ms / 1000;
  until.tv_nsec += (long)(wish->wait_ms % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  uint64_t first = find_first(self, wish);
  int number = 0;
  while (first == self->next && !self->is_closed && wish->wait_ms > 0 && number == 0) {
    number = pthread_cond_timedwait(&self->came, &self->lock, &until);
    first = find_first(self, wish);
  }
  return first;
}

static bool add(yyjson_mut_doc *document, yyjson_mut_val *list, uint64_t number, const kept *record) {
  char time[CLOCK_TEXT_SIZE];
  clock_format(record->time_ns, time);
  buffer message = {0};
  const text said = {record->text + strlen(record->text) + 1, record->size};
  bool is_text = text_utf8_valid(said.data, said.size);
  bool good = is_text ? buffer_append(&message, said.data, said.size) : text_escape(&message, said);
  yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, list);
  good = good && yyjson_mut_obj_add_uint(document, object, "number", number) &&
         yyjson_mut_obj_add_strcpy(document, object, "time", time) &&
         yyjson_mut_obj_add_str(document, object, "level", ubiq_log_level_name(record->level)) &&
         yyjson_mut_obj_add_strcpy(document, object, "source", record->text) &&
         yyjson_mut_obj_add_strncpy(document, object, "message", (const char *)message.data, message.size);
  buffer_free(&message);
  return good;
}

bool log_ring_read(log_ring *self, const log_wish *wish, yyjson_mut_doc *document, yyjson_mut_val *list,
                   uint64_t *last) {
  bool good = true;
  pthread_mutex_lock(&self->lock);
  uint64_t first = wait_for_first(self, wish);
  for (uint64_t number = first; good && number < self->next; number++)
    if (is_wished(self, number, wish)) good = add(document, list, number, at(self, number));
  *last = self->next - 1;
  pthread_mutex_unlock(&self->lock);
  return good;
}

void log_ring_close(log_ring *self) {
  pthread_mutex_lock(&self->lock);
  self->is_closed = true;
  pthread_cond_broadcast(&self->came);
  pthread_mutex_unlock(&self->lock);
}

void log_ring_delete(log_ring *self) {
  if (self == NULL) return;
  ubiq_log_set(ubiq_log_level_get(), NULL, NULL);
  while (self->first < self->next) forget_oldest(self);
  pthread_cond_destroy(&self->came);
  pthread_mutex_destroy(&self->lock);
  free(self);
}
