/*
 * The Extism kernel's ABI, for the kernel itself and for hosts that run it.
 *
 * The kernel is a WebAssembly module that owns one linear memory and hands out blocks of it. Its exports are those of
 * Extism's extism-runtime.wasm; README.md lists them. This header holds what a host needs beyond the exports: where the
 * kernel keeps the input, the output and the error, so that they can be read from memory without a call.
 *
 * It needs no libc and is included by C that runs on any machine. All integers in linear memory are little-endian.
 */
#ifndef UBIQ_KERNEL_H
#define UBIQ_KERNEL_H

#include <stdint.h>

/* The address of `kernel_root` in the kernel's memory. Constant for this ABI. */
#define KERNEL_ROOT_ADDRESS 16

/* What `call_begin` answers when the input block could not be allocated. */
#define KERNEL_CALL_BEGIN_FAILED UINT64_MAX

/* Import 0, and the only import, of the build for our own host (kernel-host.wasm). The drop-in build has none.
 *
 *   (import "ubiq:kernel" "grow" (func (param $bytes i32) (param $phase i32) (result i32)))
 *
 * $bytes, unsigned, are to be added. In phase KERNEL_GROW_ASK the answer 0 refuses (the allocation then
 * answers 0) and anything else permits. KERNEL_GROW_DONE follows every permitted growth, done or failed (the memory's
 * size tells which), so that a host can take back what it granted; its answer is ignored.
 */
#define KERNEL_IMPORT_MODULE "ubiq:kernel"
#define KERNEL_IMPORT_GROW   "grow"
enum { KERNEL_GROW_ASK = 0, KERNEL_GROW_DONE = 1 };

/* The memory of the build for our own host has pages of one byte (the proposal custom-page-sizes) and begins with a
 * fraction of 64 KiB (CMakeLists.txt): so small that an engine's pool clears it in place, with no system call for a fresh
 * instance. It grows to multiples of 64 KiB. For engines without that proposal there is the same kernel with pages of 64 KiB
 * (kernel-host-64k.wasm). Its memory, and the drop-in's, begins with one.
 */

/* What the host reads, at KERNEL_ROOT_ADDRESS, at any time outside a kernel call. In a fresh instance all is zero.
 *
 * Offsets are addresses in the kernel's memory. Guests choose them through input_set, output_set and error_set, which
 * refuse ranges that were not inside the memory in use at that time, and they cannot write here themselves. A host
 * checks each range against the memory's size all the same before it follows it.
 */
struct kernel_root {
  uint64_t input_offset;
  uint64_t input_length; /* bytes; 0 once the guest has freed the input */
  uint64_t output_offset;
  uint64_t output_length; /* bytes */
  uint64_t error_offset;  /* 0: no error */
  uint64_t error_length;  /* bytes; what length(error_offset) was when the error was set */
};

/* Exports that kernel-host.wasm has beside Extism's:
 *
 *   call_begin(input_length i64) -> i64
 *
 *     Does reset(), allocates a block of input_length bytes and makes it the input, in one call. Answers the block's
 *     offset; 0 when input_length is 0 (there is no block then); KERNEL_CALL_BEGIN_FAILED when there is no memory for
 *     it (the kernel has been reset all the same). The host then writes all input_length bytes before the guest runs:
 *     unlike the blocks of alloc, this one is not cleared of what earlier calls have left there. For that reason it must
 *     never be given to guests as an import.
 *
 * The end of a call needs none: read `struct kernel_root`.
 */

#endif
