// A WASI command that does with files what C programs do, in the folder that its first argument names. It prints a line
// for each step: `ok`, or what errno says.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

// A path in the folder. Good until the fourth call after it.
static const char *in(const char *name) {
  static char paths[4][512];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void say(const char *step, bool good) {
  printf("%s: %s\n", step, good ? "ok" : strerror(errno));
}

static bool put(const char *name, const char *text) {
  FILE *file = fopen(in(name), "w");
  if (file == NULL) return false;
  fputs(text, file);
  return fclose(file) == 0;
}

static bool holds(const char *name, const char *text) {
  char found[128] = "";
  FILE *file = fopen(in(name), "r");
  if (file == NULL) return false;
  found[fread(found, 1, sizeof found - 1, file)] = 0;
  fclose(file);
  errno = EIO;
  return strcmp(found, text) == 0;
}

static bool append(const char *name, const char *text) {
  FILE *file = fopen(in(name), "a");
  if (file == NULL) return false;
  fputs(text, file);
  return fclose(file) == 0;
}

static bool cut(const char *name, off_t size) {
  int file = open(in(name), O_RDWR);
  if (file < 0) return false;
  struct stat status;
  bool good = ftruncate(file, size) == 0 && fstat(file, &status) == 0 && status.st_size == size;
  close(file);
  return good;
}

static bool set_times(const char *name) {
  const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 2}};
  struct stat status;
  if (utimensat(AT_FDCWD, in(name), times, 0) != 0 || stat(in(name), &status) != 0) return false;
  errno = EIO;
  return status.st_mtim.tv_sec == 2;
}

static bool leads_to(const char *name, const char *target) {
  char found[128] = "";
  if (readlink(in(name), found, sizeof found - 1) < 0) return false;
  errno = EIO;
  return strcmp(found, target) == 0;
}

// How many names there are, counted twice: forward, and again from the start.
static int count(const char *name) {
  DIR *entries = opendir(in(name));
  if (entries == NULL) return -1;
  int once = 0, twice = 0;
  while (readdir(entries) != NULL) once++;
  rewinddir(entries);
  while (readdir(entries) != NULL) twice++;
  closedir(entries);
  return once == twice ? once : -2;
}

static void change(void) {
  say("mkdir", mkdir(in("d"), 0777) == 0);
  say("write", put("d/file", "text"));
  say("read", holds("d/file", "text"));
  say("append", append("d/file", " and more"));
  say("read what was appended", holds("d/file", "text and more"));
  say("truncate", cut("d/file", 4));
  say("times", set_times("d/file"));
  say("rename", rename(in("d/file"), in("d/other")) == 0);
  say("link", link(in("d/other"), in("d/second")) == 0);
  say("symlink", symlink("other", in("d/link")) == 0);
  say("readlink", leads_to("d/link", "other"));
  say("read through the link", holds("d/link", "text"));
  say("list", count("d") == 5);
  say("rmdir of a full folder", rmdir(in("d")) == 0);
  say("unlink", unlink(in("d/second")) == 0 && unlink(in("d/link")) == 0 && unlink(in("d/other")) == 0);
  say("rmdir", rmdir(in("d")) == 0);
}

static void look(void) {
  say("read what is there", holds("there", "there"));
  say("write what is there", put("there", "not there"));
  say("remove what is there", unlink(in("there")) == 0);
  say("leave by two dots", fopen(in("../outside"), "r") != NULL);
  say("leave by a link", fopen(in("way"), "r") != NULL);
  say("link to an absolute path", symlink("/etc/passwd", in("absolute")) == 0);
  say("elsewhere", fopen("/elsewhere/file", "r") != NULL);
}

int main(int count_of_arguments, char **arguments) {
  snprintf(folder, sizeof folder, "%s", count_of_arguments > 1 ? arguments[1] : "");
  change();
  look();
  return 0;
}
