#!/usr/bin/env python3
"""Runs the preview 1 cases of the public WASI test suite (WebAssembly/wasi-testsuite) with `ubiq call`.

Nothing of the suite is kept here: PATH is a checkout of it whose cases are built, for example of its branch
prod/testsuite-base. Each case is NAME.wasm with an optional NAME.json beside it, which says the arguments, the
environment, the folder that the guest finds at `/` (a copy of it is used) and what must come out of it.

Usage: test/wasi-testsuite/run.py PATH [--engine NAME] [--ubiq FILE] [--verbose] [CASE...]
  --engine    which engine, of those that `ubiq engines` lists
  --verbose   print what a failing case wrote
  CASE        run only these cases

Exit codes: 0 all passed, 1 some did not, 2 wrong usage or nothing to run.
"""

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CASES = "tests/*/testsuite/wasm32-wasip1/*.wasm"
SECONDS = 60


def specification(wasm):
    """What a case asks for, in the suite's older form, which every preview 1 case has."""
    path = wasm[:-len(".wasm")] + ".json"
    told = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            told = json.load(file)
    unknown = set(told) - {"args", "root", "env", "exit_code", "stdout", "stderr"}
    if unknown:
        raise ValueError("%s asks for what this runner does not know: %s" % (path, ", ".join(sorted(unknown))))
    return told


def command(ubiq, wasm, asked, root):
    """`ubiq` is the beginning of the command: the program and options for each call."""
    words = [ubiq[0], "call", wasm, "_start", *ubiq[1:], "--wasi", "--json", "--log-level", "off"]
    for name, value in asked.get("env", {}).items():
        words += ["--env", "%s=%s" % (name, value)]
    if root:
        words += ["--allow-path", root + ":/"]
    return words + ["--"] + asked.get("args", [])


def judge(asked, done):
    """Why a case failed; None when it passed."""
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return "ubiq answered no JSON: %s" % (done.stderr.strip() or done.stdout.strip())
    error = answer.get("error")
    if error and error["class"] != "guest_error":
        return "%s: %s" % (error["class"], error["message"])
    code = error["code"] if error else 0
    if code != asked.get("exit_code", 0):
        return "exit code %d, expected %d" % (code, asked.get("exit_code", 0))
    for stream, text in (("stdout", answer.get("output", "")), ("stderr", done.stderr)):
        if stream in asked and text != asked[stream]:
            return "%s is %r, expected %r" % (stream, text, asked[stream])
    return None


def run_case(ubiq, wasm):
    """Why the case failed, or None; and what it wrote."""
    asked = specification(wasm)
    with tempfile.TemporaryDirectory(prefix="ubiq-wasi-") as work:
        root = None
        if asked.get("root"):
            root = os.path.join(work, "root")
            shutil.copytree(os.path.join(os.path.dirname(wasm), asked["root"]), root, symlinks=True)
        try:
            done = subprocess.run(command(ubiq, wasm, asked, root), stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", timeout=SECONDS, cwd=work)
        except subprocess.TimeoutExpired:
            return "took longer than %d s" % SECONDS, ""
    return judge(asked, done), done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("path")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--ubiq", default=os.path.join(os.environ.get("UBIQ_OUT", os.path.join(ROOT, "out")), "bin/ubiq"))
    parser.add_argument("--engine")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()

    given.path, given.ubiq = os.path.abspath(given.path), os.path.abspath(given.ubiq)
    cases = sorted(glob.glob(os.path.join(given.path, CASES)))
    name_of = lambda wasm: os.path.basename(wasm)[:-len(".wasm")]
    if given.names:
        cases = [wasm for wasm in cases if name_of(wasm) in given.names]
    if not cases:
        print("%s has no case for %s" % (given.path, CASES), file=sys.stderr)
        return 2
    if not os.access(given.ubiq, os.X_OK):
        print("%s is no program; build it first (make)" % given.ubiq, file=sys.stderr)
        return 2
    ubiq = [given.ubiq] + (["--engine", given.engine] if given.engine else [])
    failed = 0
    for wasm in cases:
        why, written = run_case(ubiq, wasm)
        language = os.path.relpath(wasm, given.path).split(os.sep)[1]
        print("%-5s %-15s %s%s" % ("FAIL" if why else "pass", language, name_of(wasm), ": " + why if why else ""))
        if why and given.verbose:
            print("    " + written.strip().replace("\n", "\n    "))
        failed += why is not None
    print("%d of %d passed" % (len(cases) - failed, len(cases)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
