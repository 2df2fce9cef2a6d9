#!/usr/bin/env python3
"""Copies Wasm3's sources and changes, in the copy, the few places that PATCHES lists. A change whose place is not found
exactly once stops the build: then this is another version of Wasm3, and the list has to be looked at again.

usage: patch.py SOURCES RESULT
"""

import os
import sys

# File, what stands there, what is to stand there, and why.
PATCHES = [
    ("m3_exec.h", '#include "m3_info.h"\n', '#include "m3_info.h"\n#include "engine/wasm3/guard.h"\n',
     "the guard: a call's time and its native stack"),
    ("m3_exec.h", "m3ret_t possible_trap = m3_Yield ();",
     "m3ret_t possible_trap = _mem ? w3_guard_check (m3MemRuntime (_mem)->userdata) : NULL;",
     "every call looks at the guard (no memory: a constant expression is evaluated)"),
    ("m3_exec.h", "    if (LIKELY(not r))\n        nextOp ();\n    else\n    {\n        pushBacktraceFrame ();\n"
     "        forwardTrap (r);\n    }\n}\n\n\nd_m3Op  (CallIndirect)",
     "    if (LIKELY(not r))\n        nextOp ();\n    else\n    {\n"
     "        w3_guard_left (m3MemRuntime (_mem)->userdata, callPC [0] == (code_t) op_Entry ? callPC [1] : NULL);\n"
     "        forwardTrap (r);\n    }\n}\n\n\nd_m3Op  (CallIndirect)",
     "messages of traps name functions; a guest's begins with its operation Entry and what describes it"),
    ("m3_exec.h", "d_m3Op  (Call)\n", "d_m3Op  (Entry);\n\nd_m3Op  (Call)\n", "the same"),
    ("m3_exec.h", "                    else\n                    {\n                        pushBacktraceFrame ();\n",
     "                    else\n                    {\n"
     "                        w3_guard_left (m3MemRuntime (_mem)->userdata, function->import.fieldUtf8 ? NULL : function);\n",
     "the same"),
    ("m3_exec.h", "        _mem = memory->mallocated;\n    }\n    while (r == _pc);\n",
     "        _mem = memory->mallocated;\n"
     "        if (r == _pc)\n"
     "        {\n"
     "            m3ret_t stop = w3_guard_check (m3MemRuntime (_mem)->userdata);\n"
     "            if (UNLIKELY(stop)) forwardTrap (stop);\n"
     "        }\n"
     "    }\n    while (r == _pc);\n",
     "every turn of a loop looks at the guard"),
    ("m3_exec.h", "            memmove (dst, src, size);\n",
     "            memmove (dst, src, size);\n"
     "            m3ret_t stop = w3_guard_check (m3MemRuntime (_mem)->userdata);\n"
     "            if (UNLIKELY(stop)) forwardTrap (stop);\n",
     "many copies may follow each other without a loop"),
    ("m3_exec.h", "        memset (mem8, (u8) byte, size);\n",
     "        memset (mem8, (u8) byte, size);\n"
     "        m3ret_t stop = w3_guard_check (m3MemRuntime (_mem)->userdata);\n"
     "        if (UNLIKELY(stop)) forwardTrap (stop);\n",
     "the same"),
    ("m3_exec.h", "        M3Result r = ResizeMemory (runtime, requiredPages);\n",
     "        M3Result r = requiredPages < memory->numPages ? m3Err_wasmMemoryOverflow\n"
     "                                                      : ResizeMemory (runtime, requiredPages);\n",
     "growing by nearly 2^32 pages must fail; it wrapped and made the memory smaller"),
    ("m3_exec.h", "        --_pc;\n        nextOpDirect ();\n    }\n\n    newTrap (result);\n",
     "        --_pc;\n        nextOpDirect ();\n    }\n\n"
     "    * ((void **) (_pc - 2)) = (void *) op_Compile;\n    newTrap (result);\n",
     "a function that could not be compiled now, for want of stack, is compiled when it is called again"),
    ("m3_compile.c", "    i8 reserved;\n_   (ReadLEB_i7 (& reserved, & o->wasm, o->wasmEnd));\n\n"
     "    _throwif (\"function call type index",
     "    u32 tableIndex;\n_   (ReadLEB_u32 (& tableIndex, & o->wasm, o->wasmEnd));\n"
     "    _throwif (\"a module may have one table\", tableIndex != 0);\n\n"
     "    _throwif (\"function call type index",
     "LLVM writes the table's index in five bytes"),
    ("m3_compile.c", "M3Result  CompileBlock  (IM3Compilation o, IM3FuncType i_blockType, m3opcode_t i_blockOpcode)\n{\n",
     "M3Result  CompileBlock  (IM3Compilation o, IM3FuncType i_blockType, m3opcode_t i_blockOpcode)\n{\n"
     "    if (w3_guard_is_low (o->runtime ? o->runtime->userdata : NULL, o->block.depth)) return w3_nested_too_deep;\n",
     "blocks are compiled by recursion"),
    ("m3_compile.c", '#include "m3_exec.h"\n', '#include "m3_exec.h"\n#include "engine/wasm3/guard.h"\n', "the same"),
    ("m3_env.c", "runtime->stack = m3_Malloc (i_stackSizeInBytes + 4*sizeof (m3slot_t));",
     "runtime->stack = w3_pages_resize (NULL, 0, i_stackSizeInBytes + 4*sizeof (m3slot_t));",
     "stacks take no room until they are used"),
    ("m3_env.c", "    m3_Free (i_runtime->stack);\n    m3_Free (i_runtime->memory.mallocated);\n",
     "    w3_pages_free (i_runtime->stack, (i_runtime->numStackSlots + 4) * sizeof (m3slot_t));\n"
     "    w3_pages_free (i_runtime->memory.mallocated,\n"
     "                   sizeof (M3MemoryHeader) + (size_t) i_runtime->memory.numPages * d_m3MemPageSize);\n",
     "the same, and guests' memories"),
    ("m3_env.c", "        if (numPreviousBytes)\n", "        if (memory->mallocated)\n",
     "a memory without pages has its header"),
    ("m3_env.c", "void* newMem = m3_Realloc (memory->mallocated, numBytes, numPreviousBytes);",
     "void* newMem = w3_pages_resize (memory->mallocated, numPreviousBytes, numBytes);",
     "the heap clears what was freed before, touched or not"),
    ("m3_env.c", '#include "m3_env.h"\n', '#include "m3_env.h"\n#include "engine/wasm3/pages.h"\n', "the same"),
    ("m3_parse.c", "        segment->initExpr = i_bytes;\n",
     "        _throwif (\"data segments that memory.init copies are not supported\", segment->memoryRegion != 0);\n"
     "        segment->initExpr = i_bytes;\n",
     "the flags of a data segment were taken for an index"),
]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main(sources, result):
    names = sorted(name for name in os.listdir(sources) if name.endswith((".c", ".h")))
    texts = {name: read(os.path.join(sources, name)) for name in names}
    for name, old, new, why in PATCHES:
        if texts[name].count(old) != 1:
            sys.exit("patch.py: %s: the place for \"%s\" is there %d times" % (name, why, texts[name].count(old)))
        texts[name] = texts[name].replace(old, new)
    os.makedirs(result, exist_ok=True)
    for name, text in texts.items():
        with open(os.path.join(result, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
