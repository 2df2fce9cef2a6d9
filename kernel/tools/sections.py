"""Reading and writing the sections of a Wasm module, for the tools beside this file."""


def read_uleb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def uleb(value):
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def sections(module):
    at = 8
    while at < len(module):
        kind = module[at]
        size, at = read_uleb(module, at + 1)
        yield kind, module[at : at + size]
        at += size
