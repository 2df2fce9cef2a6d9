// The WasmEdge adapter: images, that is modules whose imports were led to a host function or to another module's export.
#include "engine/wasmedge/internal.h"

#include <stdlib.h>

static ubiq_error *parse(edge_image *image, uint32_t module) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  static const wasm_import_name ask = {EDGE_HOST_MODULE, EDGE_ASK_IMPORT};
  const edge_module *from = (const edge_module *)image->links.modules[module].module;
  wasm_fence_request request = {.wasm = from->bytes, .size = from->size, .ask = &ask, .counts_stack = true};
  ubiq_error *error = fenced_copy(&image->links, module, EDGE_HOST_MODULE, request, &bytes, &size);
  if (!error) error = edge_parse(image->engine, bytes, size, &image->parsed[module]);
  free(bytes);
  return error;
}

static ubiq_error *parse_all(edge_image *image) {
  size_t count = image->links.modules_count;
  image->parsed = calloc(count + 1, sizeof(WasmEdge_ASTModuleContext *));
  ubiq_error *error = image->parsed ? NULL : ubiq_error_no_memory();
  for (uint32_t i = 0; i < count && !error; i++) error = parse(image, i);
  return error;
}

ubiq_error *edge_link(engine *engine, const engine_link *link, engine_image **out) {
  edge_image *image = calloc(1, sizeof *image);
  if (!image) return ubiq_error_no_memory();
  image->base.ops = &wasmedge_ops;
  image->engine = (edge_engine *)engine;
  ubiq_error *error = links_open(&image->links, &wasmedge_ops, link, WASM_TYPE_EXTERNREF);
  if (!error) error = parse_all(image);
  if (error) {
    edge_image_delete(&image->base);
    return ubiq_error_wrap(error, "linking");
  }
  *out = &image->base;
  return NULL;
}

void edge_image_delete(engine_image *base) {
  edge_image *image = (edge_image *)base;
  for (size_t i = 0; image->parsed && i < image->links.modules_count; i++) WasmEdge_ASTModuleDelete(image->parsed[i]);
  free(image->parsed);
  links_close(&image->links);
  free(image);
}
