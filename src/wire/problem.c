// Written straight out: a problem has five members.
#include "wire/problem.h"

#include "base/json_write.h"

bool problem_write(buffer *out, unsigned status, ubiq_code code, text detail) {
  const char *name = ubiq_code_name(code);
  return buffer_printf(out, "{\"type\":\"urn:ubiq:failure:%s\",\"title\":\"%s\",\"status\":%u,\"detail\":", name,
                       ubiq_code_text(code), status) &&
         json_write_text(out, detail) && buffer_printf(out, ",\"class\":\"%s\"}", name);
}
