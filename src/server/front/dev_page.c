// The page asks once a second, while somebody looks at it, for the number of builds and the last error.
#include "server/front/dev_page.h"

#include "yyjson.h"

#include <pthread.h>
#include <stdlib.h>

struct dev_page {
  pthread_mutex_t lock;
  uint64_t builds; ///< that are served, one after the other
  char *error;     ///< of the last one; NULL: it did not fail
};

static const char page[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<title>ubiq dev</title>\n"
    "<style>\n"
    "  html, body { margin: 0; height: 100%; }\n"
    "  iframe { border: 0; width: 100%; height: 100%; display: block; }\n"
    "  #box { position: fixed; inset: 1rem 1rem auto; max-height: calc(100% - 5rem); overflow: auto; margin: 0; "
    "padding: 1rem;\n"
    "         background: #fff0f0; color: #500; border: 3px solid #c00; border-radius: 6px; white-space: pre-wrap;\n"
    "         font: 14px/1.45 ui-monospace, monospace; box-shadow: 0 4px 30px #0006; }\n"
    "  #box[hidden] { display: none; }\n"
    "</style>\n"
    "<iframe id=\"app\" title=\"the project\"></iframe>\n"
    "<pre id=\"box\" role=\"alert\" hidden></pre>\n"
    "<script>\n"
    "  const app = document.querySelector('#app'), box = document.querySelector('#box');\n"
    "  let builds = null;\n"
    "  app.src = new URLSearchParams(location.search).get('at') || '/';\n"
    "  async function look() {\n"
    "    try {\n"
    "      const state = await (await fetch('" DEV_PAGE_PATH "/state', { cache: 'no-store' })).json();\n"
    "      if (builds !== null && state.builds !== builds) app.contentWindow.location.reload();\n"
    "      builds = state.builds;\n"
    "      box.hidden = state.error === null;\n"
    "      box.textContent = state.error === null ? '' : state.error + '\\n\\nThe release before goes on serving.';\n"
    "    } catch {\n"
    "      box.hidden = false;\n"
    "      box.textContent = 'ubiq dev does not answer: has it been stopped?';\n"
    "    }\n"
    "  }\n"
    "  setInterval(() => document.hidden || look(), 1000);\n"
    "  look();\n"
    "</script>\n"
    "</html>\n";

dev_page *dev_page_new(void) {
  dev_page *self = calloc(1, sizeof *self);
  if (self != NULL) pthread_mutex_init(&self->lock, NULL);
  return self;
}

/// Takes what colours a terminal out of a text: ESC [ ... m.
static char *without_colours(const char *text) {
  char *plain = malloc(strlen(text) + 1), *at = plain;
  if (plain == NULL) return NULL;
  while (*text != '\0') {
    size_t skipped = text[0] == '\033' && text[1] == '[' ? 2 + strspn(text + 2, "0123456789;") : 0;
    if (skipped > 0 && text[skipped] != '\0')
      text += skipped + 1;
    else
      *at++ = *text++;
  }
  *at = '\0';
  return plain;
}

void dev_page_built(dev_page *self, const char *error) {
  char *copy = error == NULL ? NULL : without_colours(error);
  pthread_mutex_lock(&self->lock);
  char *old = self->error;
  self->error = copy;
  self->builds += error == NULL;
  pthread_mutex_unlock(&self->lock);
  free(old);
}

/// The state as JSON; the caller's (free). NULL when memory is out.
static char *print_state(dev_page *self, size_t *size) {
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, root);
  pthread_mutex_lock(&self->lock);
  bool good = yyjson_mut_obj_add_uint(document, root, "builds", self->builds) &&
              (self->error == NULL ? yyjson_mut_obj_add_null(document, root, "error")
                                   : yyjson_mut_obj_add_strcpy(document, root, "error", self->error));
  pthread_mutex_unlock(&self->lock);
  char *text = good ? yyjson_mut_write(document, YYJSON_WRITE_ALLOW_INVALID_UNICODE, size) : NULL;
  yyjson_mut_doc_free(document);
  return text;
}

bool dev_page_answer(dev_page *self, text method, text path, answer *out) {
  bool is_page = text_equal(path, TEXT(DEV_PAGE_PATH)), is_state = text_equal(path, TEXT(DEV_PAGE_PATH "/state"));
  if (!text_equal(method, TEXT("GET")) || (!is_page && !is_state)) return false;
  if (is_page) {
    *out = answer_output((ubiq_bytes){(const uint8_t *)page, sizeof page - 1}, "text/html; charset=utf-8");
    return true;
  }
  size_t size = 0;
  char *state = print_state(self, &size);
  *out = (answer){0};
  if (state != NULL) *out = answer_output((ubiq_bytes){(const uint8_t *)state, size}, "application/json");
  free(state);
  return true;
}

void dev_page_delete(dev_page *self) {
  if (self == NULL) return;
  pthread_mutex_destroy(&self->lock);
  free(self->error);
  free(self);
}
