// The Wasm3 adapter: what an instance was when it was loaded, and putting it back to that. See internal.h.
#include "engine/wasm3/internal.h"
#include "engine/wasm3/pages.h"

#include <stdlib.h>
#include <string.h>

// Offsets are constants, or globals that are: what they came to when the module was loaded.
static M3Result find_offsets(w3_instance *instance) {
  IM3Module module = instance->module;
  M3Result result = m3Err_none;
  for (uint32_t i = 0; i < module->numDataSegments && !result; i++) {
    const M3DataSegment *segment = &module->dataSegments[i];
    bytes_t start = segment->initExpr;
    result = EvaluateExpression(module, &instance->offsets[i], c_m3Type_i32, &start, start + segment->initExprSize);
  }
  return result;
}

ubiq_error *w3_instance_remember(w3_instance *instance) {
  IM3Module module = instance->module;
  instance->globals = calloc(module->numGlobals + 1, sizeof *instance->globals);
  instance->offsets = calloc(module->numDataSegments + 1, sizeof *instance->offsets);
  if (!instance->globals || !instance->offsets) return ubiq_error_no_memory();
  for (uint32_t i = 0; i < module->numGlobals; i++) instance->globals[i] = module->globals[i].intValue;
  return w3_take_error(NULL, find_offsets(instance));
}

// Segments fitted into as many pages when the module was loaded.
static bool reset_memory(w3_instance *instance) {
  const M3Module *module = instance->module;
  M3Memory *memory = &instance->runtime->memory;
  uint32_t pages = module->memoryInfo.initPages;
  memory->maxPages = d_m3MaxLinearMemoryPages;
  if (memory->numPages != pages && ResizeMemory(instance->runtime, pages)) return false;
  w3_pages_clear(memory->mallocated, sizeof *memory->mallocated,
                 sizeof *memory->mallocated + (size_t)pages * W3_PAGE_BYTES);
  for (uint32_t i = 0; i < module->numDataSegments; i++) {
    const M3DataSegment *segment = &module->dataSegments[i];
    if (segment->size) memcpy(m3MemData(memory->mallocated) + instance->offsets[i], segment->data, segment->size);
  }
  return true;
}

bool w3_instance_reset(w3_instance *instance) {
  M3Module *module = instance->module;
  if (!reset_memory(instance)) return false;
  for (uint32_t i = 0; i < module->numGlobals; i++) module->globals[i].intValue = instance->globals[i];
  w3_pages_clear(instance->runtime->stack, 0, W3_STACK_BYTES);
  return true;
}
