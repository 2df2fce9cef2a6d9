"""docs/images/pool.svg shows what pools do: it is what bench/plot_pool draws of the simulation as it is now."""

import os
import subprocess
import sys

SOURCE = os.environ.get("UBIQ_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
PROGRAM = os.path.join(os.environ.get("UBIQ_GENERATED", os.path.join(SOURCE, "build/dev/generated")), "../bench/pool_load")

if __name__ == "__main__":
    if not os.path.exists(PROGRAM):
        print("skipped: %s is not built" % PROGRAM)
        sys.exit(77)
    script = os.path.join(SOURCE, "bench/plot_pool")
    sys.exit(subprocess.run([sys.executable, "-B", script, "--check", "--program", PROGRAM], check=False).returncode)
