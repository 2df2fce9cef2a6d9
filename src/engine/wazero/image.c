// The wazero adapter: images, that is modules whose imports were given the names of what they are bound to, compiled.
#include "engine/wazero/internal.h"

#include "base/arena.h"

#include <stdlib.h>

// Names and numbers of an image that is being made; they go when it is.
typedef struct linking {
  wz_image *image;
  wazero_module_source *sources; // owned bytes
  arena names;
} linking;

static ubiq_error *copy_module(linking *self, uint32_t place) {
  static const wasm_import_name ask = {WAZERO_HOST_MODULE, WAZERO_ASK_IMPORT};
  const links *links = &self->image->links;
  const wz_module *module = (const wz_module *)links->modules[place].module;
  wasm_fence_request request = {
      .wasm = module->bytes, .size = module->size, .ask = wz_is_fenced(self->image, place) ? &ask : NULL};
  uint8_t *wasm = NULL;
  ubiq_error *error = fenced_copy(links, place, WAZERO_HOST_MODULE, request, &wasm, &self->sources[place].size);
  self->sources[place].wasm = wasm;
  return error;
}

static const uint8_t *write_types(arena *arena, const wasm_type *types, size_t count) {
  static const uint8_t codes[] = {
      [WASM_TYPE_I32] = 0x7f, [WASM_TYPE_I64] = 0x7e, [WASM_TYPE_F32] = 0x7d, [WASM_TYPE_F64] = 0x7c};
  uint8_t *written = arena_array(arena, count + 1, sizeof *written);
  for (size_t i = 0; written && i < count; i++) written[i] = codes[types[i]];
  return written;
}

static ubiq_error *compile(linking *self) {
  wz_image *image = self->image;
  const wasm_module *hub = links_wasm(&image->links, 0);
  wazero_host_type *hosts = arena_array(&self->names, hub->imports_count + 1, sizeof *hosts);
  if (!hosts) return ubiq_error_no_memory();
  for (size_t i = 0; i < hub->imports_count; i++) {
    const wasm_signature *signature = &hub->imports[i].signature;
    hosts[i] = (wazero_host_type){.params = write_types(&self->names, signature->params, signature->params_count),
                                  .results = write_types(&self->names, signature->results, signature->results_count),
                                  .params_count = signature->params_count,
                                  .results_count = signature->results_count};
    if (!hosts[i].params || !hosts[i].results) return ubiq_error_no_memory();
  }
  wazero_message message;
  image->go = ubiq_wazero_image_new(image->engine->go, self->sources, image->links.modules_count, hosts,
                                    hub->imports_count, &message);
  return image->go ? NULL : wz_error(&message);
}

static ubiq_error *copy_and_compile(wz_image *image) {
  linking self = {.image = image};
  self.sources = calloc(image->links.modules_count, sizeof *self.sources);
  ubiq_error *error = self.sources ? NULL : ubiq_error_no_memory();
  for (size_t i = 0; i < image->links.modules_count && !error; i++) error = copy_module(&self, i);
  if (!error) error = compile(&self);
  for (size_t i = 0; self.sources && i < image->links.modules_count; i++) free((void *)self.sources[i].wasm);
  free(self.sources);
  arena_free(&self.names);
  return error;
}

ubiq_error *wz_link(engine *engine, const engine_link *link, engine_image **out) {
  wz_image *image = calloc(1, sizeof *image);
  if (!image) return ubiq_error_no_memory();
  image->base.ops = &wazero_ops;
  image->engine = (wz_engine *)engine;
  ubiq_error *error = links_open(&image->links, &wazero_ops, link, WASM_TYPE_F64);
  if (!error) error = copy_and_compile(image);
  if (error) {
    wz_image_delete(&image->base);
    return ubiq_error_wrap(error, "linking");
  }
  *out = &image->base;
  return NULL;
}

void wz_image_delete(engine_image *base) {
  wz_image *image = (wz_image *)base;
  if (image->go) ubiq_wazero_image_delete(image->go);
  links_close(&image->links);
  free(image);
}
