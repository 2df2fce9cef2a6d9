// Runs every scenario on the official libextism and on ours, and compares what was seen.
//
//   differential OFFICIAL OURS [--only PART] [--verbose]
//   differential --docs FILE [--update]: whether the table of differences in a document is ours
//
// Where UBIQ_ENGINE names an engine, ours runs on that, and what not every engine can do may be refused.
// It prints each difference that the scenario's table does not explain, each explained one that is gone, and a summary. A
// worker process runs the scenarios of one library one after the other and says on its standard output what it sees. One
// that dies or hangs costs its scenario only: another goes on with the next.
#include "differential/driver.h"

#include "unit/base/fetch_server.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SCENARIOS_MAX = 2000, SECONDS_DEFAULT = 300 };

/// What was seen of each scenario, by its place; owned, NULL for one that was not run.
typedef struct answers {
  char *notes[SCENARIOS_MAX];
} answers;

/// A worker and what was read from it.
typedef struct worker {
  pid_t process;
  int output;
  char *text; ///< of the scenario that it is in
  size_t size;
  size_t at; ///< the scenario that it is in
} worker;

static struct {
  char program[PATH_MAX];
  char scratch[64];
  int port;
  const char *only; ///< a part of the names of the scenarios to compare; NULL: all
  bool verbose;
} options;

extern char **environ;

// -- Workers --

static bool is_wanted(const scenario *scenario) {
  return !options.only || strstr(scenario->name, options.only);
}

static void start(worker *self, const char *library, size_t first) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  char first_text[24], port_text[24];
  snprintf(first_text, sizeof first_text, "%zu", first);
  snprintf(port_text, sizeof port_text, "%d", options.port);
  char *arguments[] = {options.program, "--work", (char *)library, first_text, port_text, options.scratch, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 3);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  if (posix_spawn(&self->process, options.program, &actions, NULL, arguments, environ) != 0) abort();
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  self->output = ends[0];
  self->at = first;
  self->size = 0;
}

static void append(worker *self, const char *line) {
  size_t length = strlen(line);
  self->text = realloc(self->text, self->size + length + 1);
  if (!self->text) abort();
  memcpy(self->text + self->size, line, length + 1);
  self->size += length;
}

// A line of a worker: "@begin N" and "@end N" around what was seen.
static void take_line(worker *self, answers *answers, const char *line) {
  if (strncmp(line, "@begin ", 7) == 0) {
    self->at = strtoul(line + 7, NULL, 10);
    self->size = 0;
    append(self, "");
  } else if (strncmp(line, "@end ", 5) == 0) {
    answers->notes[self->at] = strdup(self->text);
    self->at++;
    self->size = 0;
  } else {
    append(self, line);
  }
}

static uint64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

// Whether there is more to read before the scenario's time is over.
static bool wait_for_more(const worker *self, uint64_t since_ms) {
  const scenario *scenario = scenario_at(self->at);
  uint64_t end = since_ms + 1000u * (scenario && scenario->seconds ? scenario->seconds : SECONDS_DEFAULT);
  uint64_t now = now_ms();
  struct pollfd polled = {.fd = self->output, .events = POLLIN};
  return now < end && poll(&polled, 1, (int)(end - now)) > 0;
}

// Reads lines until the worker has no more; false when it hangs.
static bool listen_to(worker *self, answers *answers) {
  char piece[4096];
  size_t held = 0, at = self->at;
  uint64_t since = now_ms();
  for (;;) {
    if (at != self->at) since = now_ms();
    at = self->at;
    if (!wait_for_more(self, since)) return false;
    ssize_t got = read(self->output, piece + held, sizeof piece - held - 1);
    if (got <= 0) return true;
    held += (size_t)got;
    piece[held] = '\0';
    char *line = piece;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
      char kept = end[1];
      end[1] = '\0';
      take_line(self, answers, line);
      end[1] = kept;
    }
    held = strlen(line);
    memmove(piece, line, held + 1);
  }
}

// How the worker ended; what it was in the middle of is told of it.
static void finish(worker *self, answers *answers, bool hangs, bool in_the_middle) {
  if (hangs) kill(self->process, SIGKILL);
  int status = 0;
  waitpid(self->process, &status, 0);
  close(self->output);
  if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_CANNOT_LOAD) exit(WORKER_CANNOT_LOAD);
  if (!in_the_middle) return;
  char line[64];
  snprintf(line, sizeof line, hangs ? "never ends\n" : "the process dies (signal %d, exit code %d)\n",
           WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : 0);
  append(self, line);
  answers->notes[self->at++] = strdup(self->text);
}

static void run_all(const char *library, answers *answers) {
  worker worker = {0};
  for (size_t first = 0; scenario_at(first); first = worker.at) {
    while (scenario_at(first) && !is_wanted(scenario_at(first))) first++;
    if (!scenario_at(first)) break;
    start(&worker, library, first);
    bool ended = listen_to(&worker, answers);
    bool in_the_middle = worker.at < SCENARIOS_MAX && scenario_at(worker.at) && (worker.size > 0 || worker.at == first);
    finish(&worker, answers, !ended, !ended || in_the_middle);
  }
  free(worker.text);
}

// -- Comparing --

typedef struct summary {
  size_t scenarios, same, explained, refused, unexplained, gone;
  size_t by_row[DIFFERENCES_END];
} summary;

static void show(const char *whose, const char *notes) {
  printf("  %s:\n", whose);
  for (const char *line = notes; *line; line = strchr(line, '\n') + 1)
    printf("    %.*s\n", (int)strcspn(line, "\n"), line);
}

// Whether ours refuses what the engine that was asked for cannot do: the plugin is not made, the call fails, or (of what is
// kept on disk) nothing comes of it.
static bool is_refused(const scenario *scenario, const char *ours) {
  const char *engine = getenv("UBIQ_ENGINE");
  if (!engine || !*engine) return false;
  if (scenario->demands == DEMANDS_MERGING) return strstr(ours, "plugin: made") && !strstr(ours, "the process dies");
  if (scenario->demands != DEMANDS_FEATURE && !scenario->fuel && !scenario->no_fuel) return false;
  return !strstr(ours, "plugin: made") || strstr(ours, "code: -1\n") || strstr(ours, " is not there\n");
}

static void compare(const scenario *scenario, const char *official, const char *ours, summary *summary) {
  bool same = strcmp(official, ours) == 0, wanted = scenario->differs != SAME;
  if (same && scenario->races) wanted = false;
  bool refused = same == wanted && is_refused(scenario, ours);
  summary->scenarios++;
  summary->same += same && !wanted;
  summary->explained += !same && wanted;
  summary->by_row[scenario->differs] += scenario->races || (!same && wanted);
  summary->refused += refused;
  summary->unexplained += !same && !wanted && !refused;
  summary->gone += same && wanted && !refused;
  if ((same == !wanted || refused) && !options.verbose) return;
  printf("%s: %s\n", scenario->name,
         same ? (wanted ? "the difference that the table explains is gone" : "the same")
              : (wanted    ? "differs, as the table says"
                 : refused ? "differs: it needs what the engine cannot do"
                           : "differs, and no row of the table says why"));
  show(same ? "both" : "libextism", official);
  if (!same) show("ours", ours);
}

// Rows of the table that no scenario shows; told of only where all scenarios ran.
static size_t count_idle_rows(const summary *summary) {
  size_t idle = 0;
  for (difference which = SAME + 1; which < DIFFERENCES_END && !options.only; which++)
    if (summary->by_row[which] == 0) {
      printf("no scenario shows the difference %s\n", difference_at(which).name);
      idle++;
    }
  return idle;
}

static int report(const answers *official, const answers *ours) {
  summary summary = {0};
  for (size_t i = 0; scenario_at(i); i++)
    if (is_wanted(scenario_at(i)))
      compare(scenario_at(i), official->notes[i] ? official->notes[i] : "was not run\n",
              ours->notes[i] ? ours->notes[i] : "was not run\n", &summary);
  printf("%zu scenarios: %zu the same, %zu differ as the table says, %zu need what the engine cannot do, %zu differ "
         "without a reason, %zu differences are gone\n",
         summary.scenarios, summary.same, summary.explained, summary.refused, summary.unexplained, summary.gone);
  size_t idle = count_idle_rows(&summary);
  return summary.unexplained || summary.gone || idle || summary.scenarios == 0;
}

// -- The program --

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
  (void)status;
  (void)type;
  (void)place;
  return remove(path);
}

static void prepare(void) {
  ssize_t size = readlink("/proc/self/exe", options.program, sizeof options.program - 1);
  if (size <= 0) abort();
  strcpy(options.scratch, "/tmp/ubiq-differential-XXXXXX");
  if (!mkdtemp(options.scratch)) abort();
  static const char *const foreign[] = {"UBIQ_CACHE",
                                        "EXTISM_CACHE_CONFIG",
                                        "EXTISM_MEMDUMP",
                                        "EXTISM_COREDUMP",
                                        "EXTISM_PROFILE",
                                        "EXTISM_DEBUG",
                                        "EXTISM_ENABLE_WASI_OUTPUT",
                                        "RUST_BACKTRACE",
                                        "http_proxy",
                                        "https_proxy",
                                        "HTTP_PROXY",
                                        "HTTPS_PROXY",
                                        "ALL_PROXY",
                                        "all_proxy"};
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) unsetenv(foreign[i]);
  setenv("XDG_CACHE_HOME", options.scratch, 1);
  setenv("XDG_CONFIG_HOME", options.scratch, 1);
}

static int differential(const char *official_path, const char *our_path) {
  static answers official, ours;
  fetch_server *server = fetch_server_start();
  options.port = server->port;
  run_all(official_path, &official);
  run_all(our_path, &ours);
  int result = report(&official, &ours);
  fetch_server_stop(server);
  for (size_t i = 0; i < SCENARIOS_MAX; i++) {
    free(official.notes[i]);
    free(ours.notes[i]);
  }
  return result;
}

int main(int argc, char **argv) {
  if (argc == 6 && strcmp(argv[1], "--work") == 0) work(argv[2], strtoul(argv[3], NULL, 10), atoi(argv[4]), argv[5]);
  if (argc >= 3 && strcmp(argv[1], "--docs") == 0)
    return !difference_docs_agree(argv[2], argc == 4 && strcmp(argv[3], "--update") == 0);
  if (argc < 3) {
    fprintf(stderr, "usage: differential OFFICIAL OURS [--only PART] [--verbose] | --docs FILE [--update]\n");
    return 2;
  }
  for (int i = 3; i < argc; i++) {
    if (strcmp(argv[i], "--verbose") == 0) options.verbose = true;
    if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) options.only = argv[++i];
  }
  if (options.only)
    setenv("DIFFERENTIAL_ONLY", options.only, 1);
  else
    unsetenv("DIFFERENTIAL_ONLY");
  {}
  if (access(argv[1], R_OK) != 0) {
    printf("%s is not there: skipped\n", argv[1]);
    return 77;
  }
  signal(SIGPIPE, SIG_IGN);
  prepare();
  int result = differential(argv[1], argv[2]);
  nftw(options.scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  return result;
}
