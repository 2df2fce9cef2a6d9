// Runs have slots; an id says which, and then 128 random bits, so that nobody guesses one. Those that have ended stand in a
// line in the order of their ends, from which they are dropped when their hour is over.
#include "services/work/run_results.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/json_write.h"
#include "wire/problem.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

typedef enum run_stage { STAGE_FREE, STAGE_QUEUED, STAGE_RUNNING, STAGE_DONE, STAGE_FAILED, STAGE_CANCELLED } run_stage;

typedef struct result {
  run_stage stage;
  uint32_t slot; ///< its own number
  char id[RUN_ID_SIZE];
  char *project, *function; ///< owned; one allocation, `project`'s
  uint64_t began_ns;        ///< wall clock
  uint64_t ended_ns;        ///< wall clock
  uint64_t kept_until_ns;   ///< monotonic clock
  char *media_type;         ///< owned; NULL: the output is JSON, or there is none
  buffer output;            ///< or the problem, as JSON
  struct result *next;      ///< that ended after it, or is free
} result;

struct run_results {
  pthread_mutex_t mutex;          ///< guards what follows
  result *slots[RUN_RESULTS_MAX]; ///< made when they are first needed
  uint32_t slots_count;
  result *free;
  result *oldest, *newest; ///< of those that have ended
  size_t bytes;            ///< of all outputs
};

run_results *run_results_new(void) {
  run_results *self = calloc(1, sizeof *self);
  if (self == NULL || sodium_init() < 0) {
    free(self);
    return NULL;
  }
  pthread_mutex_init(&self->mutex, NULL);
  return self;
}

static void clear(run_results *self, result *result) {
  self->bytes -= result->output.size;
  buffer_free(&result->output);
  free(result->project);
  free(result->media_type);
  *result = (struct result){.slot = result->slot};
}

void run_results_delete(run_results *self) {
  if (self == NULL) return;
  for (uint32_t i = 0; i < self->slots_count; i++) {
    clear(self, self->slots[i]);
    free(self->slots[i]);
  }
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

static void drop_old(run_results *self) {
  uint64_t now_ns = clock_monotonic_ns();
  while (self->oldest != NULL && self->oldest->kept_until_ns <= now_ns) {
    result *old = self->oldest;
    self->oldest = old->next;
    if (self->oldest == NULL) self->newest = NULL;
    clear(self, old);
    old->next = self->free;
    self->free = old;
  }
}

static result *take_slot(run_results *self) {
  result *found = self->free;
  if (found != NULL) {
    self->free = found->next;
    found->next = NULL;
    return found;
  }
  if (self->slots_count == RUN_RESULTS_MAX || (found = calloc(1, sizeof *found)) == NULL) return NULL;
  found->slot = self->slots_count;
  self->slots[self->slots_count++] = found;
  return found;
}

static ubiq_error *no_room(void) {
  return ubiq_error_with_detail(ubiq_error_new(UBIQ_BUSY,
                                               "there are %d runs already that nobody waits for or whose results are "
                                               "kept; try again later, or wait for this one (wait=true)",
                                               RUN_RESULTS_MAX),
                                60);
}

static bool fill_slot(result *self, text project, text function) {
  uint8_t random[16];
  self->project = malloc(project.size + function.size + 2);
  if (self->project == NULL) return false;
  memcpy(self->project, project.data, project.size);
  self->project[project.size] = '\0';
  self->function = self->project + project.size + 1;
  memcpy(self->function, function.data, function.size);
  self->function[function.size] = '\0';
  randombytes_buf(random, sizeof random);
  snprintf(self->id, sizeof self->id, "%08x", self->slot);
  text_hex(random, sizeof random, self->id + 8);
  self->began_ns = clock_realtime_ns();
  self->stage = STAGE_QUEUED;
  return true;
}

ubiq_error *run_results_add(run_results *self, text project, text function, char id[RUN_ID_SIZE]) {
  ubiq_error *error = NULL;
  pthread_mutex_lock(&self->mutex);
  drop_old(self);
  result *slot = self->bytes < RUN_RESULTS_BYTES_MAX ? take_slot(self) : NULL;
  if (slot == NULL) {
    error = no_room();
  } else if (!fill_slot(slot, project, function)) {
    slot->next = self->free;
    self->free = slot;
    error = ubiq_error_no_memory();
  } else {
    memcpy(id, slot->id, RUN_ID_SIZE);
  }
  pthread_mutex_unlock(&self->mutex);
  return error;
}

/// The run of an id, whose comparison takes the same time wherever it differs. NULL: there is none.
static result *find(const run_results *self, text id) {
  uint32_t slot = 0;
  if (id.size != RUN_ID_SIZE - 1) return NULL;
  for (size_t i = 0; i < 8; i++) {
    const char *digits = "0123456789abcdef", *at = memchr(digits, id.data[i], 16);
    if (at == NULL) return NULL;
    slot = slot << 4 | (uint32_t)(at - digits);
  }
  if (slot >= self->slots_count) return NULL;
  result *found = self->slots[slot];
  return found->stage != STAGE_FREE && sodium_memcmp(found->id, id.data, id.size) == 0 ? found : NULL;
}

static void move(run_results *self, const char *id, run_stage from, run_stage to) {
  pthread_mutex_lock(&self->mutex);
  result *found = find(self, text_of(id));
  if (found != NULL && found->stage == from) found->stage = to;
  pthread_mutex_unlock(&self->mutex);
}

void run_results_begin(run_results *self, const char *id) {
  move(self, id, STAGE_QUEUED, STAGE_RUNNING);
}

void run_results_wait(run_results *self, const char *id) {
  move(self, id, STAGE_RUNNING, STAGE_QUEUED);
}

void run_results_drop(run_results *self, const char *id) {
  pthread_mutex_lock(&self->mutex);
  result *found = find(self, text_of(id));
  if (found != NULL && found->stage == STAGE_QUEUED) {
    clear(self, found);
    found->next = self->free;
    self->free = found;
  }
  pthread_mutex_unlock(&self->mutex);
}

static bool is_json(ubiq_bytes bytes) {
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse("output", bytes.data, bytes.size, &document);
  yyjson_doc_free(document);
  ubiq_error_delete(error);
  return error == NULL;
}

/// So that a large output that is none is not read for nothing.
static bool looks_like_json(ubiq_bytes bytes) {
  size_t at = 0;
  while (at < bytes.size && strchr(" \t\r\n", bytes.data[at]) != NULL && bytes.data[at] != '\0') at++;
  return at < bytes.size && bytes.data[at] != '\0' && strchr("{[\"-0123456789tfn", bytes.data[at]) != NULL;
}

text run_results_type(ubiq_bytes output) {
  if (looks_like_json(output) && is_json(output)) return (text){NULL, 0};
  return text_utf8_valid(output.data, output.size) ? TEXT("text/plain; charset=utf-8")
                                                   : TEXT("application/octet-stream");
}

static bool keep_problem(result *self, ubiq_code code, const char *message) {
  self->stage = code == UBIQ_CANCELLED ? STAGE_CANCELLED : STAGE_FAILED;
  buffer_clear(&self->output);
  return problem_write(&self->output, (unsigned)ubiq_code_http_status(code), code, text_of(message));
}

static bool keep_output(run_results *all, result *self, ubiq_bytes output, text media_type) {
  self->stage = STAGE_DONE;
  if (all->bytes + output.size > RUN_RESULTS_BYTES_MAX)
    return keep_problem(self, UBIQ_QUOTA, "there is no room for the run's output beside those of others");
  if (media_type.size > 0 && (self->media_type = strndup(media_type.data, media_type.size)) == NULL) return false;
  return buffer_append(&self->output, output.data, output.size);
}

void run_results_end(run_results *self, const char *id, const ubiq_error *error, ubiq_bytes output, text media_type) {
  pthread_mutex_lock(&self->mutex);
  result *found = find(self, text_of(id));
  if (found != NULL && found->stage < STAGE_DONE) {
    bool good = error != NULL ? keep_problem(found, ubiq_error_code(error), ubiq_error_message(error))
                              : keep_output(self, found, output, media_type);
    if (!good) found->stage = STAGE_FAILED;
    self->bytes += found->output.size;
    found->ended_ns = clock_realtime_ns();
    found->kept_until_ns = clock_monotonic_ns() + RUN_RESULTS_KEPT_S * CLOCK_NS_PER_SECOND;
    *(self->newest == NULL ? &self->oldest : &self->newest->next) = found;
    self->newest = found;
  }
  pthread_mutex_unlock(&self->mutex);
}

static bool write_time(const char *key, uint64_t at_ns, buffer *out) {
  char text[CLOCK_TEXT_SIZE];
  clock_format(at_ns, text);
  return buffer_printf(out, ",\"%s\":\"%s\"", key, text);
}

static bool write_output(const result *self, buffer *out) {
  const buffer *output = &self->output;
  if (self->stage != STAGE_DONE)
    return output->size == 0 ||
           (buffer_append_string(out, ",\"error\":") && buffer_append(out, output->data, output->size));
  if (self->media_type == NULL)
    return output->size == 0 ||
           (buffer_append_string(out, ",\"output\":") && buffer_append(out, output->data, output->size));
  return buffer_append_string(out, ",\"media_type\":") && json_write_text(out, text_of(self->media_type)) &&
         buffer_append_string(out, ",\"base64\":\"") && text_base64_encode(out, output->data, output->size) &&
         buffer_append_byte(out, '"');
}

static bool write(const result *self, buffer *out) {
  static const char *const names[] = {"", "queued", "running", "done", "failed", "cancelled"};
  bool has_ended = self->stage >= STAGE_DONE;
  return buffer_printf(out, "{\"id\":\"%s\",\"status\":\"%s\",\"function\":", self->id, names[self->stage]) &&
         json_write_text(out, text_of(self->function)) && write_time("started_at", self->began_ns, out) &&
         (!has_ended || (write_time("ended_at", self->ended_ns, out) && write_output(self, out))) &&
         buffer_append_byte(out, '}');
}

bool run_results_find(run_results *self, text project, text id, buffer *out, ubiq_error **error) {
  pthread_mutex_lock(&self->mutex);
  drop_old(self);
  const result *found = find(self, id);
  bool is_found = found != NULL && text_equal_string(project, found->project);
  if (is_found && !write(found, out)) *error = ubiq_error_no_memory();
  pthread_mutex_unlock(&self->mutex);
  return is_found;
}
