#include "cli/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR_WIDTH = 30 };

#define DRAW_EVERY_NS (100 * CLOCK_NS_PER_MS)

void progress_begin(progress *self, uint64_t total) {
  *self = (progress){.is_shown = isatty(STDERR_FILENO) != 0, .total = total, .began_ns = clock_monotonic_ns()};
}

static void draw_bar(const progress *self, const char *doing, uint64_t done) {
  char bar[BAR_WIDTH + 1];
  size_t filled = (size_t)(done * BAR_WIDTH / self->total);
  for (size_t i = 0; i < BAR_WIDTH; i++) bar[i] = i < filled ? '#' : '.';
  bar[BAR_WIDTH] = '\0';
  fprintf(stderr, "\r\033[K%s [%s] %llu of %llu KiB", doing, bar, (unsigned long long)(done >> 10),
          (unsigned long long)(self->total >> 10));
}

void progress_draw(progress *self, const char *doing, uint64_t done, const char *then) {
  uint64_t now_ns = clock_monotonic_ns();
  bool is_done = done >= self->total;
  if (!self->is_shown || (is_done == self->was_done && now_ns - self->drawn_ns < DRAW_EVERY_NS)) return;
  if (!is_done)
    draw_bar(self, doing, done);
  else
    fprintf(stderr, "\r\033[K%s, %llu s", then, (unsigned long long)((now_ns - self->began_ns) / CLOCK_NS_PER_SECOND));
  fflush(stderr);
  self->drawn_ns = now_ns;
  self->was_done = is_done;
  self->has_line = true;
}

void progress_end(progress *self) {
  if (self->has_line) fputs("\r\033[K", stderr);
  self->has_line = false;
}
