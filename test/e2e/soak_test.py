"""bench/soak for half a minute, always with the same choices: requests, mishaps and deploys, of which nothing is lost or left."""

import os
import subprocess
import sys

SOURCE = os.environ.get("UBIQ_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))

if __name__ == "__main__":
    script = os.path.join(SOURCE, "bench/soak")
    sys.exit(subprocess.run([sys.executable, "-B", script, "--seconds", "24", "--seed", "1"], check=False).returncode)
