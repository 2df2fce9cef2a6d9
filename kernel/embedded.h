/*
 * The built kernels as bytes in the program: link with ubiq_kernel_embedded (ubiq_core does).
 */
#ifndef UBIQ_KERNEL_EMBEDDED_H
#define UBIQ_KERNEL_EMBEDDED_H

#include <stddef.h>

/* kernel-host.wasm: what our own host runs (kernel.h). */
extern const unsigned char kernel_host_wasm[];
extern const size_t kernel_host_wasm_size;

/* kernel-host-64k.wasm: the same with pages of 64 KiB, for engines that know no others. */
extern const unsigned char kernel_host_64k_wasm[];
extern const size_t kernel_host_64k_wasm_size;

/* extism-runtime.wasm: the drop-in without imports. */
extern const unsigned char extism_runtime_wasm[];
extern const size_t extism_runtime_wasm_size;

#endif
