"""The libraries survive being unloaded: SDKs do so at exit, while the ticker's thread still runs."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

OUT, GUESTS = Path(os.environ["UBIQ_OUT"]), Path(os.environ["UBIQ_GUESTS"])

USE_AND_UNLOAD = """
import _ctypes, ctypes, sys, time
library = ctypes.CDLL(sys.argv[1])
wasm = open(sys.argv[2], "rb").read()
library.extism_plugin_new.restype = ctypes.c_void_p
plugin = library.extism_plugin_new(wasm, ctypes.c_uint64(len(wasm)), None, ctypes.c_uint64(0), False, None)
assert library.extism_plugin_call(ctypes.c_void_p(plugin), b"echo", b"Ada", ctypes.c_uint64(3)) == 0
library.extism_plugin_free(ctypes.c_void_p(plugin))
_ctypes.dlclose(library._handle)
time.sleep(0.05)  # many ticks: a thread in unmapped memory would end the process
print("alive")
"""


@unittest.skipIf(os.environ.get("UBIQ_SANITIZE"), "python is not built with a sanitizer")
class Unload(unittest.TestCase):
    def test_a_program_that_unloads_libextism_goes_on(self):
        done = subprocess.run([sys.executable, "-c", USE_AND_UNLOAD, OUT / "lib/libextism.so", GUESTS / "echo.wasm"],
                              capture_output=True, text=True)
        self.assertEqual((0, "alive\n"), (done.returncode, done.stdout), done.stderr)


if __name__ == "__main__":
    unittest.main()
