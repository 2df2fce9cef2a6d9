// Paths and sockets: no descriptor is a directory or a socket, so each answers that its descriptor is none, or not open.
#include "wasi/internal.h"

static wasi_errno refuse(wasi_guest *self, const engine_value *descriptor, wasi_errno other) {
  return wasi_descriptor_at(self->context, wasi_u32(descriptor)) == NULL ? WASI_EBADF : other;
}

#define WITHOUT_DIRECTORY(name, position)                                                                              \
  static wasi_errno name(wasi_guest *self, const engine_value *arguments) {                                            \
    return refuse(self, &arguments[position], WASI_ENOTDIR);                                                           \
  }                                                                                                                    \
  WASI_CALLBACK(name)

#define WITHOUT_SOCKET(name)                                                                                           \
  static wasi_errno name(wasi_guest *self, const engine_value *arguments) {                                            \
    return refuse(self, &arguments[0], WASI_ENOTSOCK);                                                                 \
  }                                                                                                                    \
  WASI_CALLBACK(name)

WITHOUT_DIRECTORY(path_create_directory, 0)
WITHOUT_DIRECTORY(path_filestat_get, 0)
WITHOUT_DIRECTORY(path_filestat_set_times, 0)
WITHOUT_DIRECTORY(path_link, 0)
WITHOUT_DIRECTORY(path_open, 0)
WITHOUT_DIRECTORY(path_readlink, 0)
WITHOUT_DIRECTORY(path_remove_directory, 0)
WITHOUT_DIRECTORY(path_rename, 0)
WITHOUT_DIRECTORY(path_symlink, 2)
WITHOUT_DIRECTORY(path_unlink_file, 0)

WITHOUT_SOCKET(sock_accept)
WITHOUT_SOCKET(sock_recv)
WITHOUT_SOCKET(sock_send)
WITHOUT_SOCKET(sock_shutdown)
