// Writing metrics as Prometheus reads them: text format 0.0.4.
//
// A family is announced and then its samples follow; the writer remembers whether memory was out, so that nobody has to ask
// after each line.
#ifndef SERVER_ADMIN_METRICS_TEXT_H
#define SERVER_ADMIN_METRICS_TEXT_H

#include "base/text.h"
#include "runtime/telemetry/histogram.h"

#define METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum { METRICS_LABELS_MAX = 4 };

typedef struct metrics_label {
  const char *name, *value;
} metrics_label;

/// Up to the first without a name.
typedef struct metrics_labels {
  metrics_label list[METRICS_LABELS_MAX];
} metrics_labels;

/// Begin with {0}, and end with buffer_free(&text).
typedef struct metrics_text {
  buffer text;
  const char *family; ///< borrowed
  bool has_failed;    ///< memory was out: `text` is of no use
} metrics_text;

/// Begins a family; `type` is `counter`, `gauge` or `histogram`.
void metrics_text_family(metrics_text *self, const char *name, const char *type, const char *help);

/// A sample of the family.
void metrics_text_value(metrics_text *self, const metrics_labels *labels, uint64_t value);

/// The samples of a histogram, which has its family's labels but `le`.
void metrics_text_histogram(metrics_text *self, const metrics_labels *labels, const histogram_bounds *bounds,
                            const histogram_total *total);

#endif
