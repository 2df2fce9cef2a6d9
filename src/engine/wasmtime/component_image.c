// The Wasmtime adapter: images of components, that is components whose imports are bound. Each part of the engine has one
// of its own, made when it is first needed.
#include "engine/wasmtime/component.h"

#include <stdlib.h>
#include <string.h>

// -- What the image keeps --

static ubiq_error *keep_string(arena *arena, const char **string) {
  if (*string) *string = arena_string(arena, *string, strlen(*string));
  return *string ? NULL : ubiq_error_no_memory();
}

static ubiq_error *keep_imports(wt_component_image *image, const component_link *link) {
  component_items items;
  ubiq_error *error = wt_component_items(image->module, false, &image->arena, &items);
  if (error) return error;
  image->imports = arena_array(&image->arena, items.count + 1, sizeof *image->imports);
  if (!image->imports) return ubiq_error_no_memory();
  for (size_t i = 0; i < items.count; i++) image->imports[i] = (wt_import){items.items[i], link->imports[i]};
  image->imports_count = items.count;
  return NULL;
}

static ubiq_error *keep_exports(wt_component_image *image, const component_link *link) {
  ubiq_error *error = NULL;
  for (size_t i = 0; i < link->exports_count && !error; i++) {
    component_item *item = &image->exports[image->exports_count++];
    *item = link->exports[i];
    error = keep_string(&image->arena, &item->interface);
    if (!error) error = keep_string(&image->arena, &item->name);
  }
  return error;
}

// -- A part --

static wasmtime_error_t *drop_resource(void *env, wasmtime_context_t *context, uint32_t number) {
  const wt_import *import = env;
  wt_component_store *store = wasmtime_context_get_data(context);
  component_call call = {.store = &store->common.base, .user = store->common.options.user, .arena = &store->arena};
  if (import->import.drop) import->import.drop(import->import.env, &call, number);
  return NULL;
}

static wasmtime_error_t *define_resource(wasmtime_component_linker_instance_t *instance, wt_import *import) {
  const char *name = import->item.name;
  wasmtime_component_resource_type_t *type = wasmtime_component_resource_type_new_host(import->import.type);
  wasmtime_error_t *error =
      wasmtime_component_linker_instance_add_resource(instance, name, strlen(name), type, drop_resource, import, NULL);
  wasmtime_component_resource_type_delete(type);
  return error;
}

static wasmtime_error_t *define_in(wasmtime_component_linker_instance_t *instance, wt_import *import) {
  const char *name = import->item.name;
  if (import->item.is_resource) return define_resource(instance, import);
  if (!import->item.type) return NULL;
  return import->import.ready ? wasmtime_component_linker_instance_add_func_async(instance, name, strlen(name),
                                                                                  wt_component_begin, import, NULL)
                              : wasmtime_component_linker_instance_add_func(instance, name, strlen(name),
                                                                            wt_component_enter, import, NULL);
}

// Items of one interface stand behind each other.
static wasmtime_error_t *define_interface(wasmtime_component_linker_t *linker, wt_import *imports, size_t count) {
  const char *interface = imports[0].item.interface;
  wasmtime_component_linker_instance_t *root = wasmtime_component_linker_root(linker), *inner = NULL;
  wasmtime_error_t *error = NULL;
  if (*interface) error = wasmtime_component_linker_instance_add_instance(root, interface, strlen(interface), &inner);
  for (size_t i = 0; i < count && !error; i++) error = define_in(inner ? inner : root, &imports[i]);
  if (inner) wasmtime_component_linker_instance_delete(inner);
  wasmtime_component_linker_instance_delete(root);
  return error;
}

static ubiq_error *define_all(const wt_component_image *image, wasmtime_component_linker_t *linker) {
  for (size_t i = 0, end; i < image->imports_count; i = end) {
    const char *interface = image->imports[i].item.interface;
    for (end = i + 1; end < image->imports_count && image->imports[end].item.interface == interface;) end++;
    wasmtime_error_t *error = define_interface(linker, &image->imports[i], end - i);
    if (error) return ubiq_error_wrap(wt_take_error(NULL, error, NULL), "import %s", interface);
  }
  return NULL;
}

static ubiq_error *copy_code(wasm_engine_t *engine, const wasmtime_component_t *component, wasmtime_component_t **out) {
  wasm_byte_vec_t bytes;
  ubiq_error *error = wt_take_error(NULL, wasmtime_component_serialize(component, &bytes), NULL);
  if (error) return error;
  error =
      wt_take_error(NULL, wasmtime_component_deserialize(engine, (const uint8_t *)bytes.data, bytes.size, out), NULL);
  wasm_byte_vec_delete(&bytes);
  return error;
}

static wasmtime_component_export_index_t *find_export(const wasmtime_component_t *component,
                                                      const component_item *item) {
  if (!*item->interface) return wasmtime_component_get_export_index(component, NULL, item->name, strlen(item->name));
  wasmtime_component_export_index_t *interface =
      wasmtime_component_get_export_index(component, NULL, item->interface, strlen(item->interface));
  if (!interface) return NULL;
  wasmtime_component_export_index_t *found =
      wasmtime_component_get_export_index(component, interface, item->name, strlen(item->name));
  wasmtime_component_export_index_delete(interface);
  return found;
}

static ubiq_error *find_exports(const wt_component_image *image, wt_component_part *part) {
  for (size_t i = 0; i < image->exports_count; i++) {
    const component_item *item = &image->exports[i];
    part->exports[i] = find_export(part->component, item);
    if (!part->exports[i])
      return ubiq_error_new(UBIQ_INVALID_INPUT, "the component exports no %s of %s", item->name, item->interface);
  }
  return NULL;
}

static void part_delete(wt_component_part *part) {
  if (!part) return;
  for (size_t i = 0; i < COMPONENT_EXPORTS_MAX; i++)
    if (part->exports[i]) wasmtime_component_export_index_delete(part->exports[i]);
  if (part->linker) wasmtime_component_linker_delete(part->linker);
  if (part->component) wasmtime_component_delete(part->component);
  free(part);
}

static ubiq_error *make_part(const wt_component_image *image, uint32_t index, wt_component_part **out) {
  wt_component_part *part = calloc(1, sizeof *part);
  if (!part) return ubiq_error_no_memory();
  const wasmtime_component_t *component = ((const wt_module *)image->module)->component;
  wasm_engine_t *engine = image->engine->parts[index].engine;
  ubiq_error *error = NULL;
  if (index == 0)
    part->component = wasmtime_component_clone(component);
  else
    error = copy_code(engine, component, &part->component);
  if (!error) part->linker = wasmtime_component_linker_new(engine);
  if (!error) error = define_all(image, part->linker);
  if (!error) error = find_exports(image, part);
  if (error)
    part_delete(part);
  else
    *out = part;
  return error;
}

ubiq_error *wt_component_part_get(wt_component_image *image, uint32_t index, const wt_component_part **out) {
  ubiq_error *error = NULL;
  wt_component_part *part = atomic_load_explicit(&image->parts[index], memory_order_acquire);
  if (!part) {
    pthread_mutex_lock(&image->making);
    part = atomic_load(&image->parts[index]);
    if (!part) error = make_part(image, index, &part);
    atomic_store_explicit(&image->parts[index], part, memory_order_release);
    pthread_mutex_unlock(&image->making);
  }
  *out = part;
  return error;
}

// -- An image --

void wt_component_image_delete(engine_image *base) {
  wt_component_image *image = (wt_component_image *)base;
  for (uint32_t i = 0; i < WT_PARTS_MAX; i++) part_delete(atomic_load(&image->parts[i]));
  engine_module_delete(image->module);
  arena_free(&image->arena);
  pthread_mutex_destroy(&image->making);
  free(image);
}

ubiq_error *wt_component_link(engine *engine, engine_module *component, const component_link *link,
                              engine_image **out) {
  wt_component_image *image = calloc(1, sizeof *image);
  if (!image) return ubiq_error_no_memory();
  image->base.ops = &wt_component_engine_ops;
  image->engine = (wt_engine *)engine;
  image->module = engine_module_retain(component);
  arena_init(&image->arena);
  pthread_mutex_init(&image->making, NULL);
  ubiq_error *error = keep_imports(image, link);
  if (!error) error = keep_exports(image, link);
  const wt_component_part *first;
  if (!error) error = wt_component_part_get(image, 0, &first);
  if (error) {
    wt_component_image_delete(&image->base);
    return ubiq_error_wrap(error, "linking");
  }
  *out = &image->base;
  return NULL;
}
