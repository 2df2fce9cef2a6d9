// `ubiq config`: the settings of a project's functions as they hold, and which of them are said where.
#include "base/toml.h"
#include "base/units.h"
#include "cli/call_report.h"
#include "cli/command.h"
#include "cli/config_function.h"
#include "runtime/project/project_quotas.h"

#include <stdlib.h>

/// The tables of ubiq.toml that say what holds. Cursors point to each other: it stays where it is.
typedef struct tables {
  json_value root, functions, project, pool;
} tables;

static void find_tables(const toml_document *document, tables *out) {
  out->root = toml_root(document);
  out->functions = json_field(&out->root, "functions");
  out->project = json_field(&out->root, "project");
  out->pool = json_field(&out->project, "pool");
}

/// What holds unless the operator grants less.
static uint64_t quota_of(const project *project, const project_quota *quota, bool *is_said) {
  uint64_t said = project_quota_of(&project->quotas, quota);
  *is_said = said != 0;
  return *is_said ? said : project_quota_of(&quotas_default, quota);
}

static bool add_quota_line(table *table, const project *project, const project_quota *quota) {
  bool is_said;
  buffer shown = {0};
  uint64_t value = quota_of(project, quota, &is_said);
  bool good =
      (quota->is_bytes ? units_size_write(&shown, value) : buffer_printf(&shown, "%llu", (unsigned long long)value)) &&
      buffer_string(&shown) != NULL && table_printf(table, "  quotas.%s", quota->name) &&
      table_add(table, (const char *)shown.data) && table_add(table, is_said ? "" : "default");
  buffer_free(&shown);
  return good;
}

static bool add_settings_line(table *table, const char *before, const char *name, const project_settings *settings) {
  buffer shown = {0};
  bool good = settings->count == 0 ||
              (config_append_settings(&shown, settings) && table_printf(table, "  %s%s", before, name) &&
               table_add(table, (const char *)shown.data) && table_add(table, ""));
  buffer_free(&shown);
  return good;
}

/// Those of all functions: what a function says itself comes before them.
static bool add_settings_lines(table *table, const project *project) {
  bool good = add_settings_line(table, "", "config", &project->config);
  for (size_t i = 0; good && i < project->environments_count; i++)
    good = add_settings_line(table, "environments.", project->environments[i].name, &project->environments[i].config);
  return good;
}

static bool fill_all_settings(yyjson_mut_doc *document, yyjson_mut_val *root, const project *project) {
  bool good = config_fill_settings(document, yyjson_mut_obj_add_obj(document, root, "config"), &project->config);
  yyjson_mut_val *environments = yyjson_mut_obj_add_obj(document, root, "environments");
  for (size_t i = 0; good && i < project->environments_count; i++) {
    const project_environment *one = &project->environments[i];
    good = config_fill_settings(document, yyjson_mut_obj_add_obj(document, environments, one->name), &one->config);
  }
  return good && environments != NULL;
}

static bool add_quota_lines(table *table, const project *project) {
  bool good = table_add(table, "[project]") && table_add(table, "") && table_add(table, "");
  for (size_t i = 0; good && i < PROJECT_QUOTAS; i++) good = add_quota_line(table, project, &project_quotas[i]);
  return good;
}

static bool fill_quotas(yyjson_mut_doc *document, yyjson_mut_val *root, const project *project) {
  yyjson_mut_val *list = yyjson_mut_obj_add_obj(document, root, "quotas");
  bool good = list != NULL;
  for (size_t i = 0; good && i < PROJECT_QUOTAS; i++) {
    bool is_said;
    uint64_t value = quota_of(project, &project_quotas[i], &is_said);
    yyjson_mut_val *one = yyjson_mut_obj_add_obj(document, list, project_quotas[i].name);
    good = yyjson_mut_obj_add_uint(document, one, "value", value) &&
           yyjson_mut_obj_add_str(document, one, "from", is_said ? "project" : "default");
  }
  return good;
}

static ubiq_error *print_lines(const project *project, const tables *tables) {
  static const char *const heads[] = {"SETTING", "VALUE", "FROM"};
  table table = {.heads = heads, .columns = 3};
  bool good = add_quota_lines(&table, project) && add_settings_lines(&table, project);
  for (size_t i = 0; good && i < project->functions_count; i++) {
    const project_function *function = &project->functions[i];
    const config_writer writer = {.function = function,
                                  .said = json_field(&tables->functions, function->name),
                                  .project_pool = tables->pool,
                                  .table = &table};
    good = table_add(&table, function->name) && table_add(&table, "") && table_add(&table, "") &&
           config_write_function(&writer);
  }
  if (good) printf("%s %s\n\n", project->name, project->version);
  if (good) table_print(&table, stdout);
  table_free(&table);
  return good ? NULL : ubiq_error_no_memory();
}

static bool fill(yyjson_mut_doc *document, yyjson_mut_val *root, const project *project, const tables *tables) {
  bool good = yyjson_mut_obj_add_str(document, root, "name", project->name) &&
              yyjson_mut_obj_add_str(document, root, "version", project->version) &&
              fill_quotas(document, root, project) && fill_all_settings(document, root, project);
  yyjson_mut_val *functions = yyjson_mut_obj_add_obj(document, root, "functions");
  for (size_t i = 0; good && i < project->functions_count; i++) {
    const project_function *function = &project->functions[i];
    const config_writer writer = {.function = function,
                                  .said = json_field(&tables->functions, function->name),
                                  .project_pool = tables->pool,
                                  .document = document,
                                  .object = yyjson_mut_obj_add_obj(document, functions, function->name)};
    good = writer.object != NULL && config_write_function(&writer);
  }
  return good;
}

static ubiq_error *print_json(const project *project, const tables *tables) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, root);
  size_t size = 0;
  char *json =
      fill(document, root, project, tables) ? yyjson_mut_write(document, YYJSON_WRITE_NEWLINE_AT_END, &size) : NULL;
  ubiq_error *error =
      json == NULL ? ubiq_error_no_memory() : call_report_write((ubiq_bytes){(const uint8_t *)json, size});
  free(json);
  yyjson_mut_doc_free(document);
  return error;
}

static ubiq_error *show(const char *directory, bool json) {
  project *project = NULL;
  toml_document *document = NULL;
  tables tables;
  ubiq_error *error = project_read(directory, &project);
  if (error == NULL) error = toml_parse(PROJECT_FILE, project->source.data, project->source.size, &document);
  if (error == NULL) {
    find_tables(document, &tables);
    error = json ? print_json(project, &tables) : print_lines(project, &tables);
  }
  toml_delete(document);
  project_delete(project);
  return error;
}

static int config(const command *command, int count, char **arguments) {
  bool json = false;
  const option list[] = {{"json", 0, OPTION_FLAG, NULL, "print one JSON object", &json, 0, 0}};
  const char *positionals[1];
  options given = {.list = list, .count = 1, .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  ubiq_error *error = show(given.positionals_count > 0 ? positionals[0] : ".", json);
  return error == NULL ? EXIT_OK : command_fail(error);
}

const command command_config = {
    .name = "config",
    .usage = "[DIR] [OPTIONS]",
    .summary = "show the settings of a project's functions as they hold",
    .details =
        "DIR is a folder with a ubiq.toml; the default is the working directory. What a function does not say itself\n"
        "is marked with where it comes from: the project, or the default. Variables, `.env` and secrets are not "
        "shown.\n",
    .run = config,
};
