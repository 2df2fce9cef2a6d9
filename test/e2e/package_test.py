"""The laid-out result, after it was moved: the program runs, C programs find the libraries by pkg-config and by
CMake, the libraries export what the headers declare and nothing else, and the Extism ABI is all there."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

OUT = os.environ["UBIQ_OUT"]
NOT_OURS = ("libwasmtime.so",)
PROGRAM = r"""
#include <ubiq.h>
#include <ubiq/version.h>
#include <stdio.h>
int main(void) { return printf("%s %s\n", UBIQ_VERSION, ubiq_code_name(UBIQ_CANCELLED)) < 0; }
"""
PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(user C)
find_package(ubiq 0.1 REQUIRED)
add_executable(user user.c)
target_link_libraries(user PRIVATE ubiq::ubiq)
"""


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert done.returncode == 0, "%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout)
    return done.stdout


def dynamic(path, what):
    """What a program or library says of itself: its SONAME, or what is NEEDED."""
    return re.findall(r"\(%s\).*\[(.*)\]" % what, run("readelf", "-d", path))


def declared(folder, mark):
    """The functions that the headers of `folder` declare with `mark`."""
    names = set()
    for root, _, files in os.walk(folder):
        for file in files:
            with open(os.path.join(root, file), encoding="utf-8") as header:
                text = re.sub(r"//[^\n]*|/\*.*?\*/|^\s*#[^\n]*", "", header.read(), flags=re.S | re.M)
            for declaration in re.findall(r"\b%s\b([^;{]*);" % mark, text):
                # A function that returns a pointer to a function is not among ours.
                names.update(re.findall(r"\b((?:ubiq|extism)_\w+)\s*\(", declaration)[:1])
    return names


def exported(library):
    lines = run("nm", "-D", "--defined-only", os.path.join(OUT, "lib", library)).splitlines()
    return {line.split()[-1] for line in lines}


def placed(*folders):
    """The files of ours in folders of the result."""
    for folder in folders:
        for root, _, files in os.walk(os.path.join(OUT, folder)):
            yield from (os.path.join(root, file) for file in files if file not in NOT_OURS)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp()
        cls.moved = os.path.join(cls.work, "moved here", "out")
        shutil.copytree(OUT, cls.moved, symlinks=True)
        cls.source = os.path.join(cls.work, "user.c")
        with open(cls.source, "w", encoding="utf-8") as file:
            file.write(PROGRAM)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.work)

    def test_the_program_runs_from_anywhere_after_being_moved(self):
        self.assertRegex(run(os.path.join(self.moved, "bin", "ubiq"), "--version", cwd="/"), r"\d+\.\d+\.\d+")

    def test_pkg_config_finds_the_libraries_where_they_are(self):
        # A .pc file cannot have a blank in its prefix: compilers' command lines are split at blanks.
        plain = os.path.join(self.work, "plain")
        shutil.copytree(OUT, plain, symlinks=True)
        environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(plain, "lib", "pkgconfig"))
        flags = run("pkg-config", "--cflags", "--libs", "ubiq", env=environment).split()
        program = os.path.join(self.work, "by-pkg-config")
        run("cc", self.source, "-o", program, *flags)
        self.assertRegex(run(program, cwd="/"), r"^\d+\.\d+\.\d+ cancelled$")
        self.assertIn("libubiq.so.0", dynamic(program, "NEEDED"))
        run("pkg-config", "--libs", "extism", env=environment)

    def test_cmake_finds_the_package(self):
        project = os.path.join(self.work, "project")
        os.mkdir(project)
        shutil.copy(self.source, project)
        with open(os.path.join(project, "CMakeLists.txt"), "w", encoding="utf-8") as file:
            file.write(PROJECT)
        build = os.path.join(project, "build")
        run("cmake", "-G", "Ninja", "-S", project, "-B", build, "-DCMAKE_PREFIX_PATH=" + self.moved)
        run("cmake", "--build", build)
        run(os.path.join(build, "user"), cwd="/")
        self.assertIn("libubiq.so.0", dynamic(os.path.join(build, "user"), "NEEDED"))

    def test_libubiq_has_a_version_in_its_name_and_libextism_has_the_official_one(self):
        library = os.path.join(self.moved, "lib", "libubiq.so")
        self.assertEqual(["libubiq.so.0"], dynamic(library, "SONAME"))
        self.assertRegex(os.path.basename(os.path.realpath(library)), r"^libubiq\.so\.\d+\.\d+\.\d+$")
        links = [name for name in os.listdir(os.path.join(self.moved, "lib")) if name.startswith("libubiq.so")]
        self.assertEqual({os.path.realpath(library)},
                         {os.path.realpath(os.path.join(self.moved, "lib", name)) for name in links})
        self.assertEqual(["libextism.so"], dynamic(os.path.join(self.moved, "lib", "libextism.so"), "SONAME"))

    def test_nothing_of_ours_holds_a_path_of_the_checkout(self):
        here = os.environ["UBIQ_SOURCE"].rstrip("/").encode() + b"/"
        for path in placed("bin", "lib", "include", "share"):
            with open(path, "rb") as file:
                found = re.search(re.escape(here) + rb"[\w./-]*", file.read())
            self.assertIsNone(found, "%s holds %s" % (path, found and found.group(0)))

    def test_what_systems_look_for_has_its_place(self):
        for place in ("lib/systemd/system/ubiq.service", "share/man/man1/ubiq.1", "share/man/man3/libubiq.3",
                      "share/bash-completion/completions/ubiq", "share/zsh/site-functions/_ubiq",
                      "share/fish/vendor_completions.d/ubiq.fish"):
            if os.environ.get("UBIQ_SANITIZE") and "service" not in place and "libubiq" not in place:
                continue  # made by the program itself, which does not run while it is built so
            self.assertTrue(os.path.isfile(os.path.join(self.moved, place)), place)

    def test_engines_come_with_the_licences_of_what_is_in_them(self):
        for path in placed("lib/ubiq"):
            name = os.path.basename(path)[:-len(".so")]
            with open(os.path.join(OUT, "share/doc/ubiq/licences", name + ".txt"), encoding="utf-8") as file:
                self.assertRegex(file.read(), "(?i)licen[cs]e", name)

    def test_libubiq_exports_what_the_headers_declare_and_no_more(self):
        wanted = declared(os.path.join(OUT, "include", "ubiq"), "UBIQ_API")
        self.assertEqual(wanted, exported("libubiq.so"))

    def test_libextism_exports_only_the_extism_abi(self):
        names = exported("libextism.so")
        self.assertEqual([], [name for name in names if not name.startswith("extism_")])
        official = os.path.join(os.environ["UBIQ_DEPS"], "extism", "libextism.so")
        if os.path.exists(official):
            theirs = {line.split()[-1] for line in run("nm", "-D", "--defined-only", official).splitlines()}
            self.assertEqual(set(), {name for name in theirs if name.startswith("extism_")} - names)


if __name__ == "__main__":
    if os.environ.get("UBIQ_SANITIZE"):
        print("skipped: a program without the sanitizers cannot load these libraries")
        sys.exit(77)
    unittest.main()
