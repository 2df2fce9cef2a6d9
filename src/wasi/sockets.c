// Sockets: there are none, so each function answers that its descriptor is none, or not open.
#include "wasi/internal.h"

#define WITHOUT_SOCKET(name)                                                                                           \
  static wasi_errno name(wasi_guest *self, const engine_value *arguments) {                                            \
    return wasi_descriptor_at(self->context, wasi_u32(&arguments[0])) == NULL ? WASI_EBADF : WASI_ENOTSOCK;            \
  }                                                                                                                    \
  WASI_CALLBACK(name)

WITHOUT_SOCKET(sock_accept)
WITHOUT_SOCKET(sock_recv)
WITHOUT_SOCKET(sock_send)
WITHOUT_SOCKET(sock_shutdown)
