// `ubiq engines`: which WebAssembly engines there are, what each can do, and how to get those that are absent.
#include "cli/command.h"
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

typedef struct capability {
  uint32_t bit;
  const char *name;
} capability;

static const capability capabilities[] = {
    {ENGINE_CAN_SUSPEND, "suspends"},     {ENGINE_CAN_INTERRUPT, "interrupts"},    {ENGINE_CAN_FUEL, "fuel"},
    {ENGINE_CAN_SERIALIZE, "serializes"}, {ENGINE_LINKS_MODULES, "links_modules"},
};
enum { CAPABILITIES = sizeof capabilities / sizeof *capabilities };

/// An engine as it was found.
typedef struct found_engine {
  const engine_known *known;
  const engine_ops *ops; ///< NULL: absent
  ubiq_error *absent;    ///< why
} found_engine;

static found_engine find(const engine_known *known) {
  found_engine found = {.known = known};
  found.absent = engine_find(known->name, &found.ops);
  return found;
}

static void print_line(const found_engine *found) {
  if (!found->ops) {
    printf("%-10s absent: %s\n", found->known->name, ubiq_error_message(found->absent));
    return;
  }
  printf("%-10s %s; memories of %llu MiB, %u modules;", found->ops->name, found->ops->version,
         (unsigned long long)(found->ops->memory_bytes_max >> 20), found->ops->modules_max);
  for (size_t i = 0; i < CAPABILITIES; i++)
    if (found->ops->capabilities & capabilities[i].bit) printf(" %s", capabilities[i].name);
  printf("\n");
}

static yyjson_mut_val *describe_limits(yyjson_mut_doc *document, const engine_ops *ops) {
  yyjson_mut_val *limits = yyjson_mut_obj(document);
  bool good = yyjson_mut_obj_add_uint(document, limits, "memory_bytes", ops->memory_bytes_max) &&
              yyjson_mut_obj_add_uint(document, limits, "modules", ops->modules_max);
  return good ? limits : NULL;
}

static yyjson_mut_val *list_capabilities(yyjson_mut_doc *document, const engine_ops *ops) {
  yyjson_mut_val *list = yyjson_mut_arr(document);
  for (size_t i = 0; i < CAPABILITIES; i++)
    if (ops->capabilities & capabilities[i].bit) yyjson_mut_arr_add_str(document, list, capabilities[i].name);
  return list;
}

static bool add_engine(yyjson_mut_doc *document, yyjson_mut_val *list, const found_engine *found) {
  yyjson_mut_val *one = yyjson_mut_arr_add_obj(document, list);
  bool good = yyjson_mut_obj_add_str(document, one, "name", found->known->name) &&
              yyjson_mut_obj_add_bool(document, one, "present", found->ops != NULL) &&
              yyjson_mut_obj_add_bool(document, one, "default", strcmp(found->known->name, engine_default_name()) == 0);
  if (!found->ops) return good && yyjson_mut_obj_add_strcpy(document, one, "why", ubiq_error_message(found->absent));
  return good && yyjson_mut_obj_add_str(document, one, "version", found->ops->version) &&
         yyjson_mut_obj_add_val(document, one, "capabilities", list_capabilities(document, found->ops)) &&
         yyjson_mut_obj_add_val(document, one, "limits", describe_limits(document, found->ops));
}

static ubiq_error *print_json(const engine_known *known, size_t count) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *list = yyjson_mut_arr(document);
  yyjson_mut_doc_set_root(document, list);
  bool good = list != NULL;
  for (size_t i = 0; i < count && good; i++) {
    found_engine found = find(&known[i]);
    good = add_engine(document, list, &found);
    ubiq_error_delete(found.absent);
  }
  char *json = good ? yyjson_mut_write(document, 0, NULL) : NULL;
  if (json) printf("%s\n", json);
  yyjson_mut_doc_free(document);
  ubiq_error *error = json ? NULL : ubiq_error_no_memory();
  free(json);
  return error;
}

static void print_lines(const engine_known *known, size_t count) {
  for (size_t i = 0; i < count; i++) {
    found_engine found = find(&known[i]);
    print_line(&found);
    ubiq_error_delete(found.absent);
  }
}

static int run(const command *command, int count, char **arguments) {
  bool json = false;
  const option list[] = {{"json", 0, OPTION_FLAG, NULL, "print them as a JSON array", &json, 0, 0}};
  options given = {.list = list, .count = 1};
  int code = EXIT_OK;
  if (command_begin(command, &given, count, arguments, &code) != COMMAND_GO) return code;
  size_t engines_count = 0;
  const engine_known *known = engine_list(&engines_count);
  ubiq_error *error = NULL;
  if (json)
    error = print_json(known, engines_count);
  else
    print_lines(known, engines_count);
  return error ? command_fail(error) : code;
}

const command command_engines = {
    .name = "engines",
    .usage = "[OPTIONS]",
    .summary = "list the WebAssembly engines and what each can do",
    .details =
        "`ubiq call --engine NAME`, UBIQ_ENGINE in the environment and `engine` of ubiq_compile_options choose one.\n"
        "docs/engines.md says more of each.\n",
    .run = run,
};
