#!/usr/bin/env python3
"""Gives a kernel's memory pages of one byte (the proposal custom-page-sizes) and the size to begin with, because linkers
know only pages of 64 KiB. The kernel must have been compiled for it (memory.h, KERNEL_HOST).

usage: shrink.py KERNEL.wasm BYTES RESULT.wasm
"""

import sys

from sections import sections, uleb

MEMORY = 5
ONE_MEMORY_OF_ONE_PAGE = bytes([1, 0, 1])
HAS_PAGE_SIZE, PAGE_OF_ONE_BYTE = 8, 0


def shrink(module, size):
    out = bytearray(module[:8])
    for kind, body in sections(module):
        if kind == MEMORY:
            if body != ONE_MEMORY_OF_ONE_PAGE:
                sys.exit("shrink.py: expected one memory that begins with one page and has no maximum")
            body = bytes([1, HAS_PAGE_SIZE]) + uleb(size) + bytes([PAGE_OF_ONE_BYTE])
        out += bytes([kind]) + uleb(len(body)) + body
    return out


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as kernel:
        shrunk = shrink(kernel.read(), int(sys.argv[2]))
    with open(sys.argv[3], "wb") as result:
        result.write(shrunk)
