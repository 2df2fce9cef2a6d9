// The adapter for wasm.h: images, that is modules whose imports were led to a host function or to another module's export.
#include "engine/wasm_c_api/internal.h"

#include <stdlib.h>

ubiq_error *capi_link(engine *engine, const engine_link *link, engine_image **out) {
  capi_image *image = calloc(1, sizeof *image);
  if (!image) return ubiq_error_no_memory();
  image->base.ops = &wasm_c_api_ops;
  image->engine = (capi_engine *)engine;
  ubiq_error *error = links_open(&image->links, &wasm_c_api_ops, link, WASM_TYPE_F64);
  if (error) {
    capi_image_delete(&image->base);
    return ubiq_error_wrap(error, "linking");
  }
  *out = &image->base;
  return NULL;
}

void capi_image_delete(engine_image *base) {
  capi_image *image = (capi_image *)base;
  links_close(&image->links);
  free(image);
}
