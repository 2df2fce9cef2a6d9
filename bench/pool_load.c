// Prints what a pool with the default settings does under a load, a line a second: second, demand of the load, busy, ready,
// target, runs that found no instance ready. `pool_load step|ramp|spike|sawtooth SECONDS`. bench/plot_pool draws it.
#include "../test/support/pool_simulation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  simulation_load load;
} loads[] = {
    {"step", simulation_load_step},
    {"ramp", simulation_load_ramp},
    {"spike", simulation_load_spike},
    {"sawtooth", simulation_load_sawtooth},
};

static void print_seconds(simulation_load load, long seconds) {
  simulation self;
  simulation_init(&self, &pool_settings_default, load);
  for (long second = 1; second <= seconds; second++) {
    simulation_second(&self);
    const pool_scale *scale = &self.scale;
    printf("%ld %u %u %u %u %u\n", second, scale->demand, scale->busy, scale->ready, scale->target, self.cold);
  }
}

int main(int count, char **arguments) {
  for (size_t i = 0; count == 3 && i < sizeof loads / sizeof loads[0]; i++) {
    if (strcmp(loads[i].name, arguments[1]) != 0) continue;
    print_seconds(loads[i].load, strtol(arguments[2], NULL, 10));
    return 0;
  }
  fprintf(stderr, "usage: pool_load step|ramp|spike|sawtooth SECONDS\n");
  return 64;
}
