/*
 * What a kernel should have: the live blocks, with the bytes that were written to them. A pattern made from a block's
 * number stands for its bytes, so that a block written to by mistake shows.
 */
#ifndef UBIQ_TEST_KERNEL_MODEL_H
#define UBIQ_TEST_KERNEL_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/native/invariants.h"

enum { MODEL_BLOCKS_MAX = 512, MODEL_PAGES_ALL = 65536 };

struct model_block {
  uint64_t offset;
  uint64_t length;
  uint8_t fill;
};

struct model {
  struct model_block blocks[MODEL_BLOCKS_MAX];
  uint32_t count;
  uint64_t random;
};

/* For cmocka: every test begins with a fresh instance. */
static inline int model_start(void **unused) {
  (void)unused;
  simulated_start(MODEL_PAGES_ALL);
  return 0;
}

static inline void assert_right(const char *wrong, uint64_t seed, int step) {
  if (wrong) fail_msg("seed %llu, step %d: %s", (unsigned long long)seed, step, wrong);
}

static inline uint64_t model_random(struct model *model) {
  uint64_t x = model->random += 0x9E3779B97F4A7C15ULL;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
  return x ^ x >> 31;
}

static inline uint64_t model_below(struct model *model, uint64_t limit) {
  return model_random(model) % limit;
}

/* Lengths as they occur: mostly short, sometimes long. */
static inline uint64_t model_length(struct model *model) {
  static const uint32_t limits[] = {16, 64, 64, 256, 256, 2048, 20000, 150000};
  return 1 + model_below(model, limits[model_below(model, sizeof limits / sizeof *limits)]);
}

static inline bool model_overlaps(const struct model *model, uint64_t offset, uint64_t length) {
  for (uint32_t i = 0; i < model->count; i++)
    if (offset < model->blocks[i].offset + model->blocks[i].length && model->blocks[i].offset < offset + length)
      return true;
  return false;
}

static inline bool model_contents_kept(const struct model_block *block) {
  const uint8_t *bytes = simulated_bytes(block->offset, block->length);
  return bytes[0] == block->fill && memcmp(bytes, bytes + 1, block->length - 1) == 0;
}

/* Allocates and fills a block. Answers what is wrong with it, or NULL. */
static inline const char *model_alloc(struct model *model, uint64_t length, uint8_t fill) {
  uint64_t offset = kernel_alloc(length);
  if (!offset) return NULL;
  if (offset % 16) return "a block is not aligned";
  if (kernel_length(offset) != length || kernel_length_unsafe(offset) != length)
    return "the length of a new block is wrong";
  if (model_overlaps(model, offset, length)) return "two blocks overlap";
  memset(simulated_bytes(offset, length), fill, length);
  model->blocks[model->count++] = (struct model_block){offset, length, fill};
  return NULL;
}

static inline const char *model_free(struct model *model, uint32_t index) {
  struct model_block block = model->blocks[index];
  if (kernel_length(block.offset) != block.length) return "the length of a block has changed";
  if (!model_contents_kept(&block)) return "the bytes of a block have changed";
  model->blocks[index] = model->blocks[--model->count];
  kernel_free(block.offset);
  return kernel_length(block.offset) ? "a block that was freed has a length" : NULL;
}

static inline const char *model_free_all(struct model *model) {
  const char *wrong = NULL;
  while (!wrong && model->count) wrong = model_free(model, (uint32_t)model_below(model, model->count));
  return wrong;
}

/* Compares everything. */
static inline const char *model_check(const struct model *model) {
  for (uint32_t i = 0; i < model->count; i++) {
    if (kernel_length(model->blocks[i].offset) != model->blocks[i].length) return "the length of a block has changed";
    if (!model_contents_kept(&model->blocks[i])) return "the bytes of a block have changed";
  }
  struct invariants seen;
  const char *wrong = invariants_check(&seen);
  if (!wrong && seen.other_blocks != model->count) wrong = "there are more or fewer live blocks than there should be";
  return wrong;
}

#endif
