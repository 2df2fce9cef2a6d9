"""examples/embed, built against the laid-out result by CMake and by pkg-config, prints what its first comment says."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

OUT = os.environ["UBIQ_OUT"]
EXAMPLE = os.path.join(os.environ["UBIQ_SOURCE"], "examples", "embed")


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, **options)
    assert done.returncode == 0, "%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout)
    return done.stdout


def first_comment():
    with open(os.path.join(EXAMPLE, "embed.c"), encoding="utf-8") as file:
        return re.match(r"(?://[^\n]*\n)+", file.read()).group(0)


class Embed(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.work)
        self.printed = "".join(re.findall(r"^//   (.*\n)", first_comment().split("It prints:")[1], re.MULTILINE))
        self.assertEqual(4, self.printed.count("\n"))

    def test_it_is_built_by_cmake_and_prints_what_it_says(self):
        run("cmake", "-G", "Ninja", "-S", EXAMPLE, "-B", self.work, "-DCMAKE_PREFIX_PATH=" + OUT,
            "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror")
        run("cmake", "--build", self.work)
        self.assertEqual(self.printed, run(os.path.join(self.work, "embed"), EXAMPLE, cwd="/"))

    def build_by_pkg_config(self):
        environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(OUT, "lib", "pkgconfig"))
        flags = run("pkg-config", "--cflags", "--libs", "ubiq", env=environment).split()
        program = os.path.join(self.work, "embed")
        run("cc", os.path.join(EXAMPLE, "embed.c"), "-o", program, *flags, "-pthread")
        return program

    def test_it_is_built_by_pkg_config_and_prints_what_it_says(self):
        self.assertEqual(self.printed, run(self.build_by_pkg_config(), cwd=EXAMPLE))

    def test_it_prints_the_same_on_every_engine_up_to_the_turns_that_not_all_can_take(self):
        program = self.build_by_pkg_config()
        for engine in json.loads(run(os.path.join(OUT, "bin", "ubiq"), "engines", "--json")):
            if not engine["present"]:
                continue
            with self.subTest(engine["name"]):
                done = subprocess.run([program], cwd=EXAMPLE, env=dict(os.environ, UBIQ_ENGINE=engine["name"]),
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
                if "suspends" in engine["capabilities"]:
                    self.assertEqual((0, self.printed), (done.returncode, done.stdout))
                else:
                    self.assertEqual(self.printed.splitlines()[:3], done.stdout.splitlines())
                    self.assertIn("cannot suspend calls", done.stderr)


if __name__ == "__main__":
    if os.environ.get("UBIQ_SANITIZE"):
        print("skipped: a program without the sanitizers cannot load these libraries")
        sys.exit(77)
    unittest.main()
