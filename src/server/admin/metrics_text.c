#include "server/admin/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>

static void note(metrics_text *self, bool good) {
  self->has_failed = self->has_failed || !good;
}

void metrics_text_family(metrics_text *self, const char *name, const char *type, const char *help) {
  self->family = name;
  note(self, buffer_printf(&self->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type));
}

static void add_character(metrics_text *self, char c) {
  if (c == '"' || c == '\\' || c == '\n') note(self, buffer_append_byte(&self->text, '\\'));
  note(self, buffer_append_byte(&self->text, c == '\n' ? 'n' : (uint8_t)c));
}

static void add_label(metrics_text *self, const char *name, const char *value, bool is_first) {
  note(self, buffer_printf(&self->text, "%c%s=\"", is_first ? '{' : ',', name));
  for (; *value != '\0'; value++) add_character(self, *value);
  note(self, buffer_append_byte(&self->text, '"'));
}

/// The sample's name and labels; `le` may be NULL.
static void begin(metrics_text *self, const char *suffix, const metrics_labels *labels, const char *le) {
  bool has_any = false;
  note(self, buffer_printf(&self->text, "%s%s", self->family, suffix));
  for (size_t i = 0; i < METRICS_LABELS_MAX && labels->list[i].name != NULL; i++) {
    add_label(self, labels->list[i].name, labels->list[i].value, !has_any);
    has_any = true;
  }
  if (le != NULL) add_label(self, "le", le, !has_any);
  if (has_any || le != NULL) note(self, buffer_append_byte(&self->text, '}'));
}

static void end(metrics_text *self, uint64_t value) {
  note(self, buffer_printf(&self->text, " %" PRIu64 "\n", value));
}

void metrics_text_value(metrics_text *self, const metrics_labels *labels, uint64_t value) {
  begin(self, "", labels, NULL);
  end(self, value);
}

void metrics_text_histogram(metrics_text *self, const metrics_labels *labels, const histogram_bounds *bounds,
                            const histogram_total *total) {
  uint64_t count = 0;
  char le[32];
  for (size_t i = 0; i < bounds->count; i++) {
    count += total->counts[i];
    snprintf(le, sizeof le, "%.10g", (double)bounds->values[i] / (double)bounds->unit);
    begin(self, "_bucket", labels, le);
    end(self, count);
  }
  count += total->counts[HISTOGRAM_BOUNDS_MAX];
  begin(self, "_bucket", labels, "+Inf");
  end(self, count);
  begin(self, "_sum", labels, NULL);
  note(self, buffer_printf(&self->text, " %.9f\n", (double)total->sum / (double)bounds->unit));
  begin(self, "_count", labels, NULL);
  end(self, count);
}
