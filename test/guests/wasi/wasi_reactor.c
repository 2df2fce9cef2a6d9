// A plugin that is a WASI reactor: exports that use clocks, random numbers, standard output and sleep through wasi-libc.
// `_initialize` runs the constructors; every export fails when they did not run.
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <ubiq/pdk.h>
#include <unistd.h>

#pragma clang diagnostic ignored "-Wgnu-statement-expression" // wasi-libc's lseek

extern char **environ;
int getentropy(void *buffer, size_t size);

static int constructed;
__attribute__((constructor)) static void construct(void) {
  constructed++;
}

static int32_t failed(const char *what) {
  char message[128];
  snprintf(message, sizeof message, "%s: failed with errno %d", what, errno);
  return ubiq_error_string(message);
}

static int64_t nanoseconds(const struct timespec *time) {
  return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static int32_t output_number(int64_t number) {
  char text[32];
  return ubiq_output(text, (size_t)snprintf(text, sizeof text, "%lld", (long long)number));
}

// How often the constructors ran: "1".
UBIQ_EXPORT(constructed) {
  return output_number(constructed);
}

// The input, in capitals, on standard output with a newline, and as it is on standard error without one.
UBIQ_EXPORT(print) {
  char *text = ubiq_input(NULL);
  fprintf(stderr, "%s", text);
  for (char *c = text; *c != '\0'; c++) *c = (char)toupper((unsigned char)*c);
  printf("%s\n", text);
  fflush(stdout);
  free(text);
  return 0;
}

// Three lines in one write, half a line, and the other half in another.
UBIQ_EXPORT(print_lines) {
  static const char first[] = "one\ntwo\nthree\nha";
  static const char second[] = "lf\n";
  write(STDOUT_FILENO, first, sizeof first - 1);
  write(STDOUT_FILENO, second, sizeof second - 1);
  return 0;
}

// Nanoseconds since 1970.
UBIQ_EXPORT(now) {
  struct timespec time;
  if (clock_gettime(CLOCK_REALTIME, &time) != 0) return failed("clock_gettime");
  return output_number(nanoseconds(&time));
}

// Nanoseconds of a clock that only goes forward.
UBIQ_EXPORT(monotonic) {
  struct timespec time;
  if (clock_gettime(CLOCK_MONOTONIC, &time) != 0) return failed("clock_gettime");
  return output_number(nanoseconds(&time));
}

UBIQ_EXPORT(resolution) {
  struct timespec time;
  if (clock_getres(CLOCK_MONOTONIC, &time) != 0) return failed("clock_getres");
  return output_number(nanoseconds(&time));
}

// Thirty-two random bytes.
UBIQ_EXPORT(random) {
  unsigned char bytes[32];
  if (getentropy(bytes, sizeof bytes) != 0) return failed("getentropy");
  return ubiq_output(bytes, sizeof bytes);
}

// Sleeps as many milliseconds as the input says; outputs how many passed by the monotonic clock.
UBIQ_EXPORT(sleep) {
  char *text = ubiq_input(NULL);
  struct timespec before;
  struct timespec after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  if (usleep((useconds_t)atoi(text) * 1000) != 0) return failed("usleep");
  clock_gettime(CLOCK_MONOTONIC, &after);
  free(text);
  return output_number((nanoseconds(&after) - nanoseconds(&before)) / 1000000);
}

UBIQ_EXPORT(yield) {
  return sched_yield() == 0 ? 0 : failed("sched_yield");
}

// Whether standard output can be written, by poll: "1".
UBIQ_EXPORT(poll_output) {
  struct pollfd files = {.fd = STDOUT_FILENO, .events = POLLOUT};
  const int ready = poll(&files, 1, 1000);
  if (ready < 0) return failed("poll");
  return output_number(ready);
}

// Everything of standard input.
UBIQ_EXPORT(standard_input) {
  char text[1024];
  const ssize_t size = read(STDIN_FILENO, text, sizeof text);
  if (size < 0) return failed("read");
  return ubiq_output(text, (size_t)size);
}

// The environment, a line a variable.
UBIQ_EXPORT(environment) {
  char text[4096];
  size_t used = 0;
  getenv("PATH"); // fills environ where it is read lazily
  for (char **entry = environ; entry != NULL && *entry != NULL && used < sizeof text - 256; entry++) {
    used += (size_t)snprintf(text + used, sizeof text - used, "%.200s\n", *entry);
  }
  return ubiq_output(text, used);
}

// What errors of files look like when no folder is open: opening, and using a file descriptor that is not there.
UBIQ_EXPORT(no_files) {
  if (open("/etc/passwd", O_RDONLY) >= 0)
    return ubiq_error_string("open: /etc/passwd could be opened; expected an error");
  char byte;
  if (read(42, &byte, 1) != -1 || errno != EBADF) return failed("read of a bad descriptor");
  if (write(42, "x", 1) != -1 || errno != EBADF) return failed("write to a bad descriptor");
  if (lseek(STDOUT_FILENO, 0, SEEK_SET) != -1) return ubiq_error_string("lseek: standard output can be sought");
  if (close(42) != -1 || errno != EBADF) return failed("close of a bad descriptor");
  return 0;
}

// Exits in the middle of a call, with the code in the input.
UBIQ_EXPORT(quit) {
  char *text = ubiq_input(NULL);
  exit(atoi(text));
}

// abort() is an `unreachable`.
UBIQ_EXPORT(abort) {
  abort();
}

// A megabyte on standard output, in lines of 64 bytes.
UBIQ_EXPORT(flood) {
  char line[64];
  memset(line, '.', sizeof line);
  line[sizeof line - 1] = '\n';
  for (int i = 0; i < 16384; i++) fwrite(line, 1, sizeof line, stdout);
  fflush(stdout);
  return 0;
}
