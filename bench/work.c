// What work that must not be lost costs: prints one JSON object. `work events FOLDER [KEYS]` publishes durably from 1,000 callers at once, with
// one of 1,000 keys or as many as are said (0: without), and hears of each; `work schedules FOLDER COUNT` makes so many schedules for far ahead from as many callers, and then measures how late others
// begin that are due one each millisecond. What is run is nothing: the functions of a server come on top. bench/run starts it.
#include "base/clock.h"
#include "bench/callers.h"
#include "services/events/events.h"
#include "services/operations.h"
#include "services/schedules/schedule_work.h"
#include "services/triggers.h"

#include <stdatomic.h>
#include <unistd.h>

enum { FIRINGS = 4000, LEAD_MS = 3000 };

#define SPAN_NS (UINT64_C(3) * CLOCK_NS_PER_SECOND) ///< of publishing

static uint64_t now_ms(void) {
  return clock_realtime_ns() / CLOCK_NS_PER_MS;
}

// ------------------------------------------------------------------------------------------------------------ callers

static void ask(caller *self, service_handler handler, const char *json) {
  begin(self);
  self->body = yyjson_read(json, strlen(json), YYJSON_READ_NOFLAG);
  self->call.body = (service_body){.kind = SERVICE_BODY_JSON, .value = yyjson_doc_get_root(self->body)};
  handler(&self->call);
}

/// Asks from all callers at once until `write` says that it was enough. Returns how many were answered.
static unsigned ask_on(service_handler handler, bool (*write)(unsigned number, char json[256])) {
  char json[256];
  unsigned asked = 0, waiting = 0, done = 0;
  while (waiting < CALLERS && write(asked, json)) {
    ask(&callers[waiting++], handler, json);
    asked++;
  }
  while (waiting > 0) {
    for (caller *one = take_answered(), *next; one != NULL; one = next) {
      next = one->next;
      end(one);
      done++;
      if (write(asked, json)) {
        ask(one, handler, json);
        asked++;
      } else {
        waiting--;
      }
    }
  }
  return done;
}

// ------------------------------------------------------------------------------------------------------------- agenda

static atomic_uint handled;
static uint64_t late_us[FIRINGS];

static void take_event(void *user, errand *errand) {
  (void)user;
  atomic_fetch_add(&handled, 1);
  errand->done(errand, NULL, (ubiq_bytes){0});
}

static void take_turn(void *user, errand *errand) {
  int64_t due_ms = 0;
  unsigned number = atomic_load(&handled);
  uint64_t now_us = clock_realtime_ns() / 1000;
  (void)user;
  if (!clock_parse(errand->headers[2].value, &due_ms)) fail("a turn has no time");
  if (number < FIRINGS) late_us[number] = now_us - (uint64_t)due_ms * 1000;
  atomic_store(&handled, number + 1); // turns begin on one thread
  errand->done(errand, NULL, (ubiq_bytes){0});
}

static schedule_work schedule_taker;
static event_work event_taker;

static agenda *open_agenda(void) {
  agenda *agenda = NULL;
  schedule_taker = (schedule_work){.backend = opened.backend, .taker = {take_turn, NULL}};
  event_taker = (event_work){opened.events, {take_event, NULL}};
  const agenda_kind kinds[] = {schedule_work_schedules(&schedule_taker), schedule_work_turns(&schedule_taker),
                               event_work_kind(&event_taker)};
  check(agenda_open(&(agenda_settings){.backend = opened.backend, .kinds = kinds, .kinds_count = 3}, &agenda));
  return agenda;
}

static void wait_for(unsigned count) {
  while (atomic_load(&handled) < count) usleep(1000);
}

// ------------------------------------------------------------------------------------------------------------- events

static uint64_t until_ns;
static unsigned keys_count = 1000;

static bool write_event(unsigned number, char json[256]) {
  char key[40] = "";
  if (keys_count > 0) snprintf(key, sizeof key, "\"partitionkey\":\"k%u\",", number % keys_count);
  snprintf(json, 256, "{\"type\":\"order.created\",%s\"data\":{\"order\":%u}}", key, number);
  return clock_monotonic_ns() < until_ns;
}

static void bench_events(void) {
  static const char definition[] = "{\"is_of_project\":true,\"topic\":\"order.*\",\"function\":\"bill\"}";
  const trigger subscription = {SUBSCRIPTION_QUEUE, "bill", text_of(definition)};
  check(triggers_apply(&opened, TEXT("bench"), &subscription, 1, now_ms()));
  size_t before_kib = resident_kib();
  agenda *agenda = open_agenda();
  uint64_t begin_ns = clock_monotonic_ns();
  until_ns = begin_ns + SPAN_NS;
  unsigned published = ask_on(service_events_publish, write_event);
  uint64_t published_ns = clock_monotonic_ns() - begin_ns;
  wait_for(published);
  agenda_close(agenda); // and what was handled is written down
  uint64_t handled_ns = clock_monotonic_ns() - begin_ns;
  printf("{\"published\": %.0f, \"handled\": %.0f, \"events_kib\": %zu}\n",
         (double)published * CLOCK_NS_PER_SECOND / (double)published_ns,
         (double)published * CLOCK_NS_PER_SECOND / (double)handled_ns, resident_kib() - before_kib);
}

// ---------------------------------------------------------------------------------------------------------- schedules

static unsigned count_max;
static uint64_t first_ms; ///< when the first is due that is to be run; 0: none is

static bool write_schedule(unsigned number, char json[256]) {
  char at[CLOCK_TEXT_SIZE] = "2999-01-01T00:00:00Z";
  if (first_ms != 0) clock_format((first_ms + number) * CLOCK_NS_PER_MS, at);
  snprintf(json, 256, "{\"name\":\"%c%u\",\"function\":\"remind\",\"at\":\"%s\"}", first_ms == 0 ? 'f' : 'n', number,
           at);
  return number < count_max;
}

static int by_size(const void *a, const void *b) {
  const uint64_t *left = a, *right = b;
  return (*left > *right) - (*left < *right);
}

static void bench_schedules(unsigned count) {
  size_t before_kib = resident_kib();
  agenda *agenda = open_agenda();
  uint64_t begin_ns = clock_monotonic_ns();
  count_max = count;
  ask_on(service_schedules_create, write_schedule);
  double load_s = (double)(clock_monotonic_ns() - begin_ns) / CLOCK_NS_PER_SECOND;
  size_t loaded_kib = resident_kib();
  count_max = FIRINGS;
  first_ms = now_ms() + LEAD_MS;
  ask_on(service_schedules_create, write_schedule);
  bool is_ahead = now_ms() < first_ms;
  wait_for(FIRINGS);
  agenda_close(agenda);
  qsort(late_us, FIRINGS, sizeof late_us[0], by_size);
  printf("{\"schedules\": %u, \"load_s\": %.2f, \"kib\": %zu, \"late_p50_us\": %llu, \"late_p99_us\": %llu, "
         "\"was_ahead\": %s}\n",
         count, load_s, loaded_kib - before_kib, (unsigned long long)late_us[FIRINGS / 2],
         (unsigned long long)late_us[FIRINGS * 99 / 100], is_ahead ? "true" : "false");
}

int main(int count, char **arguments) {
  program = "work";
  bool is_events = (count == 3 || count == 4) && strcmp(arguments[1], "events") == 0;
  bool is_schedules = count == 4 && strcmp(arguments[1], "schedules") == 0;
  if (!is_events && !is_schedules) fail("expected events FOLDER [KEYS] or schedules FOLDER COUNT");
  const services_settings settings = {.directory = arguments[2]};
  check(services_open(&settings, &opened));
  if (is_events && count == 4) keys_count = (unsigned)strtoul(arguments[3], NULL, 10);
  if (is_events)
    bench_events();
  else
    bench_schedules((unsigned)strtoul(arguments[3], NULL, 10));
  services_close(&opened);
  return 0;
}
