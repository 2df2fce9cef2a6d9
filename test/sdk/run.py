"""Compiles the program of one language, runs it on our library, and ends with its exit code.

Usage: run.py LANGUAGE      (c, cpp, java or dotnet)
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

import support

HERE = os.path.dirname(os.path.realpath(__file__))
JAVA_SDK = os.path.join(support.DEPS, "sdk-java")


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            support.skip("%s is missing; scripts/setup --sdks brings it" % tool)


def run(*command, **environment):
    """Runs a step; the first that fails ends the test."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, env=dict(os.environ, **environment))
    if done.returncode != 0:
        print("`%s` ended with %d" % (" ".join(command), done.returncode))
        sys.exit(1)


def linked_by_pkg_config(folder, compiler, *options):
    """As a user of the installed library builds: nothing but pkg-config's flags."""
    need(compiler, "pkg-config")
    path = os.path.join(support.LIBRARIES, "pkgconfig")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "extism"], stdout=subprocess.PIPE, text=True,
                           check=True, env=dict(os.environ, PKG_CONFIG_PATH=path))
    program = os.path.join(folder, "program")
    sources = sorted(glob.glob(os.path.join(HERE, sys.argv[1], "*.c*")))
    run(compiler, *options, "-Wall", "-Wextra", "-Wpedantic", "-Werror", *sources, "-o", program, *flags.stdout.split())
    run(program)


def c(folder):
    linked_by_pkg_config(folder, "cc", "-std=c11")


def cpp(folder):
    need("c++")
    run("c++", "-std=c++11", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", "c++",
        os.path.join(support.OUT, "include", "extism.h"))
    linked_by_pkg_config(folder, "c++", "-std=c++17", "-pthread")


def java(folder):
    need("javac", "java")
    jars = sorted(glob.glob(os.path.join(JAVA_SDK, "*.jar")))
    if not jars:
        support.skip("Extism's Java SDK is missing; scripts/setup --sdks brings it")
    path = os.pathsep.join(jars)
    run("javac", "-d", folder, "-cp", path, *glob.glob(os.path.join(HERE, "java", "*.java")))
    run("java", "-Djna.library.path=" + support.LIBRARIES, "-cp", folder + os.pathsep + path, "org.extism.sdk.SdkTest")


def dotnet(folder):
    need("mcs", "mono")
    program = os.path.join(folder, "program.exe")
    run("mcs", "-warnaserror", "-out:" + program, *sorted(glob.glob(os.path.join(HERE, "dotnet", "*.cs"))))
    run("mono", program, LD_LIBRARY_PATH=support.LIBRARIES)


def main():
    language = {"c": c, "cpp": cpp, "java": java, "dotnet": dotnet}[sys.argv[1]]
    if os.environ.get("UBIQ_SANITIZE"):
        support.skip("these programs have no sanitizer's runtime")
    os.environ["UBIQ_GUESTS"] = support.GUESTS
    server = support.Server()
    os.environ["UBIQ_SERVER"] = server.url
    with tempfile.TemporaryDirectory() as folder:
        language(folder)


if __name__ == "__main__":
    main()
