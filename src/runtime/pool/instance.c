// Made of a plugin, and ended with it.
#include "runtime/pool/instance.h"

#include <stdlib.h>

instance *instance_new(plugin *plugin, uint64_t now_ms) {
  instance *self = malloc(sizeof *self);
  if (self == NULL)
    ubiq_plugin_delete(plugin);
  else
    *self = (instance){.plugin = plugin, .made_ms = now_ms};
  return self;
}

void instance_delete(instance *self) {
  if (self == NULL) return;
  ubiq_plugin_delete(self->plugin);
  free(self);
}
