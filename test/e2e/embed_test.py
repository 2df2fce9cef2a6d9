"""examples/embed, built against the laid-out result by CMake and by pkg-config, prints what its first comment says."""

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
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100, **options)
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

    def test_it_is_built_by_pkg_config_and_prints_what_it_says(self):
        environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(OUT, "lib", "pkgconfig"))
        flags = run("pkg-config", "--cflags", "--libs", "ubiq", env=environment).split()
        program = os.path.join(self.work, "embed")
        run("cc", os.path.join(EXAMPLE, "embed.c"), "-o", program, *flags, "-pthread")
        self.assertEqual(self.printed, run(program, cwd=EXAMPLE))


if __name__ == "__main__":
    if os.environ.get("UBIQ_SANITIZE"):
        print("skipped: a program without the sanitizers cannot load these libraries")
        sys.exit(77)
    unittest.main()
