#include "runtime/telemetry/service_counts.h"

#include "api/operation.h"
#include "base/counter.h"

static const struct {
  unsigned status;
  const char *name;
} statuses[] = {
    {200, "200"}, {201, "201"}, {202, "202"}, {204, "204"}, {206, "206"}, {400, "400"}, {401, "401"},
    {403, "403"}, {404, "404"}, {405, "405"}, {409, "409"}, {412, "412"}, {413, "413"}, {416, "416"},
    {429, "429"}, {499, "499"}, {500, "500"}, {502, "502"}, {503, "503"}, {504, "504"}, {507, "507"},
};

enum { STATUSES = sizeof statuses / sizeof statuses[0], OTHER = SERVICE_COUNTS_STATUSES - 1 };

_Static_assert((int)STATUSES == (int)OTHER, "each status has a place");

static size_t place_of(unsigned status) {
  size_t at = 0;
  while (at < STATUSES && statuses[at].status != status) at++;
  return at < STATUSES ? at : OTHER;
}

void service_counts_add(service_counts *self, const api_outcome *outcome) {
  size_t at = outcome->operation == NULL ? SERVICE_COUNTS_NONE : api_operation_index(outcome->operation);
  histogram_add(&self->times[at], &histogram_short_times, outcome->took_ns);
  counter_add(&self->answers[at][place_of(outcome->status)], 1);
  counter_add(&self->bytes_in[at], outcome->bytes_in);
  counter_add(&self->bytes_out[at], outcome->bytes_out);
}

void service_counts_sum(const service_counts *self, size_t operation, service_total *total) {
  histogram_sum(&self->times[operation], &total->times);
  for (size_t i = 0; i < SERVICE_COUNTS_STATUSES; i++) total->answers[i] += counter_read(&self->answers[operation][i]);
  total->bytes_in += counter_read(&self->bytes_in[operation]);
  total->bytes_out += counter_read(&self->bytes_out[operation]);
}

const char *service_counts_name(size_t operation) {
  return operation == SERVICE_COUNTS_NONE ? "none" : api_operations[operation].service.name;
}

const char *service_counts_status(size_t status) {
  return status < STATUSES ? statuses[status].name : "other";
}
