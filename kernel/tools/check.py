#!/usr/bin/env python3
"""Proves what hosts rely on in a built kernel, and stops the build when it does not hold:

- its exports, with their types, are Extism's; the build for our own host has call_begin besides;
- it has no table, start function, element or data segment and one page of memory, so that instantiating it does nothing;
- the drop-in has no import; the host's build has exactly one, function 0;
- no instruction refers to a function other than function 0, so that a host may add imports behind it and renumber
  nothing but the exports; none refers to a table or a global.

usage: check.py [--host] [--objdump WASM-OBJDUMP] KERNEL.wasm
"""

import argparse
import re
import subprocess
import sys

I32, I64 = "i32", "i64"

FUNCTIONS = {
    "alloc": ([I64], [I64]),
    "free": ([I64], []),
    "length": ([I64], [I64]),
    "length_unsafe": ([I64], [I64]),
    "load_u8": ([I64], [I32]),
    "load_u64": ([I64], [I64]),
    "input_load_u8": ([I64], [I32]),
    "input_load_u64": ([I64], [I64]),
    "store_u8": ([I64, I32], []),
    "store_u64": ([I64, I64], []),
    "input_set": ([I64, I64], []),
    "output_set": ([I64, I64], []),
    "input_length": ([], [I64]),
    "input_offset": ([], [I64]),
    "output_length": ([], [I64]),
    "output_offset": ([], [I64]),
    "reset": ([], []),
    "error_set": ([I64], []),
    "error_get": ([], [I64]),
    "memory_bytes": ([], [I64]),
}
HOST_FUNCTIONS = {"call_begin": ([I64], [I64])}
GLOBALS = {"__data_end": "i32 mutable=0", "__heap_base": "i32 mutable=0"}
# Not in the host's build: a module with an externref makes an engine allocate a heap for garbage collection with every
# instance, and our host keeps the context itself.
DROP_IN_GLOBALS = {"extism_context": "externref mutable=1"}
SECTIONS = {"Type", "Import", "Function", "Memory", "Global", "Export", "Code"}
HOST_IMPORT = (([I32, I32], [I32]), "ubiq:kernel.grow")

REFERRING = re.compile(r"call|return_call|ref\.|table\.|elem\.|global\.|data\.|memory\.init|.*_indirect")


class Kernel:
    """What wasm-objdump says of a module."""

    def __init__(self, objdump, path):
        run = lambda flag: subprocess.run([objdump, flag, path], check=True, capture_output=True, text=True).stdout
        headers, details, code = run("-h"), run("-x"), run("-d")
        self.sections = set(re.findall(r"^ +(\w+) start=", headers, re.M))
        types = {}
        for number, parameters, results in re.findall(r"type\[(\d+)\] \((.*?)\) -> (.*)", details):
            split = lambda names: [n for n in re.split(r"[ ,()]+", names) if n and n != "nil"]
            types[number] = (split(parameters), split(results))
        functions = {f: types[t] for f, t in re.findall(r"- func\[(\d+)\] sig=(\d+)", details)}
        self.imports = re.findall(r"^ - (\w+\[\d+\].*?) <- (.*)$", details, re.M)
        self.import_types = [(functions[str(n)], name) for n, (_, name) in enumerate(self.imports)]
        exports = re.findall(r'^ - (\w+)\[(\d+)\].*? -> "(.*)"$', details, re.M)
        self.functions = {name: functions[index] for kind, index, name in exports if kind == "func"}
        globals_ = dict(re.findall(r"^ - global\[(\d+)\] (\w+ mutable=\d)", details, re.M))
        self.globals = {name: globals_[index] for kind, index, name in exports if kind == "global"}
        self.global_count = len(globals_)
        self.others = sorted(name for kind, _, name in exports if kind not in ("func", "global"))
        self.memory = re.findall(r"^ - memory\[0\] (pages: .*)$", details, re.M)
        self.instructions = re.findall(r"^ [0-9a-f]+: [^|]*\| *(\S.*)$", code, re.M)


def problems(kernel, host):
    functions = {**FUNCTIONS, **(HOST_FUNCTIONS if host else {})}
    globals_ = GLOBALS if host else {**GLOBALS, **DROP_IN_GLOBALS}
    imports = [HOST_IMPORT] if host else []

    def expect(what, found, expected):
        if found != expected:
            yield f"{what}: found {found}; expected {expected}"

    for name in sorted(set(functions) | set(kernel.functions)):
        yield from expect(f"export {name}", kernel.functions.get(name), functions.get(name))
    yield from expect("globals", kernel.globals, globals_)
    yield from expect("number of globals", kernel.global_count, len(globals_))
    yield from expect("other exports", kernel.others, ["memory"])
    yield from expect("memory", [m.split(" <-")[0] for m in kernel.memory], ["pages: initial=1"])
    yield from expect("imports", kernel.import_types, imports)
    yield from expect("sections beside the usual", sorted(kernel.sections - SECTIONS), [])
    if len(kernel.instructions) < 500:
        yield f"only {len(kernel.instructions)} instructions were understood; is this another version of wasm-objdump?"
    for instruction in kernel.instructions:
        if REFERRING.match(instruction) and not (host and re.match(r"call 0( |$)", instruction)):
            yield f"instruction: {instruction}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", action="store_true", help="the build for our own host")
    parser.add_argument("--objdump", default="wasm-objdump")
    parser.add_argument("kernel")
    options = parser.parse_args()
    found = list(problems(Kernel(options.objdump, options.kernel), options.host))
    for problem in found:
        print(f"{options.kernel}: {problem}", file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
