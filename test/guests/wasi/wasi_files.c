// Files, for plugins with allowed paths. The input is a path unless an export says otherwise.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <ubiq/pdk.h>
#include <unistd.h>

static int32_t failed(const char *what, const char *path) {
  char message[256];
  snprintf(message, sizeof message, "%s %s: %s", what, path, strerror(errno));
  return ubiq_error_string(message);
}

UBIQ_EXPORT(read_file) {
  char *path = ubiq_input(NULL);
  FILE *file = fopen(path, "r");
  if (file == NULL) return failed("open", path);
  static char text[65536];
  const size_t size = fread(text, 1, sizeof text, file);
  fclose(file);
  return ubiq_output(text, size);
}

// The input's first line is the path, the rest is written there.
UBIQ_EXPORT(write_file) {
  size_t size;
  char *path = ubiq_input(&size);
  char *text = strchr(path, '\n');
  if (text == NULL) return ubiq_error_string("write_file: no newline after the path");
  *text++ = '\0';
  FILE *file = fopen(path, "w");
  if (file == NULL) return failed("open", path);
  const size_t length = size - (size_t)(text - path);
  const size_t written = fwrite(text, 1, length, file);
  if (fclose(file) != 0 || written != length) return failed("write", path);
  return 0;
}

UBIQ_EXPORT(remove_file) {
  char *path = ubiq_input(NULL);
  return unlink(path) == 0 ? 0 : failed("unlink", path);
}

// Names in a folder, a line each, in the order that they come.
UBIQ_EXPORT(list) {
  char *path = ubiq_input(NULL);
  DIR *folder = opendir(path);
  if (folder == NULL) return failed("opendir", path);
  static char text[65536];
  size_t used = 0;
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", entry->d_name);
    if (used > sizeof text - 300) break;
  }
  closedir(folder);
  return ubiq_output(text, used);
}

// Size in bytes.
UBIQ_EXPORT(size) {
  char *path = ubiq_input(NULL);
  struct stat status;
  if (stat(path, &status) != 0) return failed("stat", path);
  char text[32];
  return ubiq_output(text, (size_t)snprintf(text, sizeof text, "%lld", (long long)status.st_size));
}
