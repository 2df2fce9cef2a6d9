// A WASI command. Prints its arguments, its environment and its standard input, then exits with the code that the argument
// `exit=N` names (0 without one). It is no plugin and knows nothing of Extism.
//
//     arguments: 2
//       [0] wasi_hello
//       [1] exit=3
//     environment: 1
//       NAME=value
//     input: 3 bytes
//     abc
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static void print_environment(void) {
  int count = 0;
  while (environ != NULL && environ[count] != NULL) count++;
  printf("environment: %d\n", count);
  for (int i = 0; i < count; i++) printf("  %s\n", environ[i]);
}

static void print_input(void) {
  static char input[65536];
  const size_t size = fread(input, 1, sizeof input, stdin);
  printf("input: %zu bytes\n", size);
  fwrite(input, 1, size, stdout);
  if (size > 0) printf("\n");
}

static int exit_code(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strncmp(argv[i], "exit=", 5) == 0) return atoi(argv[i] + 5);
  }
  return 0;
}

int main(int argc, char **argv) {
  printf("arguments: %d\n", argc);
  for (int i = 0; i < argc; i++) printf("  [%d] %s\n", i, argv[i]);
  print_environment();
  print_input();
  fprintf(stderr, "wasi_hello is done\n");
  fflush(stdout);
  const int code = exit_code(argc, argv);
  if (code != 0) exit(code);
  return 0;
}
