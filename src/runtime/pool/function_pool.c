// The numbers of the pools and, of a pinned function, the instance.
#include "runtime/pool/function_pool.h"

bool function_pool_open(function_pool *self, const char *name, lifetime lifetime, const pool_settings *settings) {
  bool is_pinned = lifetime.kind == LIFETIME_PINNED;
  *self = (function_pool){.name = name,
                          .lifetime = lifetime,
                          .settings = *settings,
                          .pin = is_pinned ? pin_new() : NULL,
                          .board = pool_board_new()};
  return self->board != NULL && (self->pin != NULL || !is_pinned);
}

void function_pool_close(function_pool *self) {
  pin_delete(self->pin);
  pool_board_delete(self->board);
  *self = (function_pool){0};
}
