"""What parts of bench/run share that start `ubiq serve` themselves."""

import http.client
import os
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UBIQ = os.environ.get("UBIQ", str(ROOT / "out/bin/ubiq"))


@contextmanager
def serving(project, *options, cores="", cache=None):
    """A server of a project, on these cores (all): its process and port, once it listens."""
    command = ["taskset", "-c", cores] if cores else []
    command += [UBIQ, "serve", str(project), "--listen", "127.0.0.1:0", "--grace", "0", "--log-level", "error", *options]
    environment = {**os.environ, **({"XDG_CACHE_HOME": str(cache)} if cache else {})}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        found = re.search(r":(\d+)$", process.stdout.readline().strip())
        if not found:
            raise SystemExit(f"{project} is not served")
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait()


def post(port, path, body=b""):
    """One request on a connection of its own, which has to be answered with 200: the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, body)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{path}: {response.status} {answer.decode(errors='replace')}")
    return answer
