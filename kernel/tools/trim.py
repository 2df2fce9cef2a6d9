#!/usr/bin/env python3
"""Removes from a linked kernel what the linker adds and the kernel does not use: the function table, the stack pointer
(global 0) and every custom section.

Each would cost something with every instance. No instruction refers to either; check.py proves it on the result.

usage: trim.py LINKED.wasm RESULT.wasm
"""

import sys

from sections import read_uleb, sections, uleb

TABLE, GLOBAL, EXPORT = 4, 6, 7
CUSTOM = 0
EXPORT_KIND_GLOBAL = 3
I32, I32_CONST, MUTABLE, END = 0x7F, 0x41, 1, 0x0B


def without_stack_pointer(body):
    count, at = read_uleb(body, 0)
    if body[at : at + 3] != bytes([I32, MUTABLE, I32_CONST]):
        sys.exit("trim.py: global 0 is not the stack pointer; expected a mutable i32")
    _, at = read_uleb(body, at + 3)
    if body[at] != END:
        sys.exit("trim.py: the stack pointer's initial value is not a constant")
    return uleb(count - 1) + body[at + 1 :]


def with_globals_renumbered(body):
    count, at = read_uleb(body, 0)
    out = bytearray(uleb(count))
    for _ in range(count):
        start = at
        length, at = read_uleb(body, at)
        at += length
        kind = body[at]
        index, end = read_uleb(body, at + 1)
        out += body[start : at + 1] + uleb(index - 1 if kind == EXPORT_KIND_GLOBAL else index)
        at = end
    return bytes(out)


def trim(module):
    out = bytearray(module[:8])
    for kind, body in sections(module):
        if kind in (TABLE, CUSTOM):
            continue
        if kind == GLOBAL:
            body = without_stack_pointer(body)
        if kind == EXPORT:
            body = with_globals_renumbered(body)
        out += bytes([kind]) + uleb(len(body)) + body
    return out


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as linked:
        trimmed = trim(linked.read())
    with open(sys.argv[2], "wb") as result:
        result.write(trimmed)
