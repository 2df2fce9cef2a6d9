// JSON objects of calls, and standard output.
#include "cli/call_report.h"

#include "base/file.h"
#include "base/text.h"
#include "yyjson.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool add_text(yyjson_mut_doc *document, yyjson_mut_val *object, const buffer *bytes) {
  const char *data = bytes->data == NULL ? "" : (const char *)bytes->data;
  if (text_utf8_valid(data, bytes->size)) return yyjson_mut_obj_add_strn(document, object, "output", data, bytes->size);
  buffer base64 = {0};
  bool good = text_base64_encode(&base64, data, bytes->size) &&
              yyjson_mut_obj_add_strncpy(document, object, "output_base64", (const char *)base64.data, base64.size);
  buffer_free(&base64);
  return good;
}

static bool add_error(yyjson_mut_doc *document, yyjson_mut_val *object, const ubiq_error *error) {
  ubiq_code code = ubiq_error_code(error);
  yyjson_mut_val *described = yyjson_mut_obj_add_obj(document, object, "error");
  return yyjson_mut_obj_add_str(document, described, "class", ubiq_code_name(code)) &&
         yyjson_mut_obj_add_strcpy(document, described, "message", ubiq_error_message(error)) &&
         (code != UBIQ_GUEST_ERROR || yyjson_mut_obj_add_int(document, described, "code", ubiq_error_detail(error)));
}

static bool add_measures(yyjson_mut_doc *document, yyjson_mut_val *object, const call_result *result) {
  return yyjson_mut_obj_add_uint(document, object, "duration_us", result->duration_us) &&
         yyjson_mut_obj_add_uint(document, object, "memory_bytes", result->memory_bytes) &&
         (!result->counts_fuel || yyjson_mut_obj_add_uint(document, object, "fuel", result->fuel));
}

/// `output` is what was printed and answered, one behind the other.
static bool fill(yyjson_mut_doc *document, yyjson_mut_val *object, const call_result *result, const buffer *output) {
  bool has_output = result->was_called && (result->error == NULL || output->size > 0);
  return (!has_output || add_text(document, object, output)) &&
         (result->error == NULL || add_error(document, object, result->error)) &&
         (!result->was_called || add_measures(document, object, result));
}

bool call_report_json(buffer *out, const call_result *result) {
  buffer output = {0};
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *object = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, object);
  size_t size = 0;
  char *line = NULL;
  if (buffer_append(&output, result->printed.data, result->printed.size) &&
      buffer_append(&output, result->output.data, result->output.size) && fill(document, object, result, &output))
    line = yyjson_mut_write(document, 0, &size);
  bool good = line != NULL && buffer_append(out, line, size) && buffer_append_byte(out, '\n');
  free(line);
  yyjson_mut_doc_free(document);
  buffer_free(&output);
  return good;
}

ubiq_error *call_report_write(ubiq_bytes bytes) {
  errno = 0;
  bool good = bytes.size == 0 || fwrite(bytes.data, 1, bytes.size, stdout) == bytes.size;
  if (good && fflush(stdout) == 0) return NULL;
  int number = errno;
  clearerr(stdout);
  if (number == EPIPE || number == EBADF)
    return ubiq_error_new(UBIQ_UNAVAILABLE, "standard output: is closed; nobody reads the output");
  return file_error(number, "standard output");
}
