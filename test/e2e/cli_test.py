"""What all commands do alike: help, and what becomes of output that cannot be written."""

import os
import re
import subprocess

import support
from support import UBIQ, main

QUOTA, UNAVAILABLE, USAGE = 73, 69, 64


class Commands(support.Test):
    def print_to(self, output, *arguments):
        done = subprocess.run([UBIQ, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE,
                              text=True, timeout=support.PATIENCE)
        return done.returncode, done.stderr

    def test_output_on_a_full_disk_is_an_error_that_says_so(self):
        for command in (["--version"], ["engines"], ["engines", "--json"], ["completion", "bash"], ["call", "--help"]):
            with open("/dev/full", "wb") as full:
                code, errors = self.print_to(full, *command)
            self.assertEqual((QUOTA, "ubiq: standard output: no space left on device\n"), (code, errors), command)

    def test_what_was_lost_on_the_way_is_no_success_in_the_end(self):
        with open("/dev/full", "wb") as full:
            code, errors = self.print_to(full, "doctor", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        self.assertEqual(UNAVAILABLE, code)
        self.assertIn("standard output: not all that was printed could be written", errors)

    def test_output_that_nobody_reads_is_an_error(self):
        reader, writer = os.pipe()
        os.close(reader)
        code, errors = self.print_to(writer, "engines")
        os.close(writer)
        self.assertEqual((UNAVAILABLE, "ubiq: standard output: is closed; nobody reads the output\n"), (code, errors))

    def test_help_of_a_command_is_the_commands(self):
        self.assertEqual(self.run_ubiq("call", "--help").stdout, self.run_ubiq("help", "call").stdout)
        self.assertEqual(self.run_ubiq("--help").stdout, self.run_ubiq("help").stdout)
        wrong = self.run_ubiq("help", "cal")
        self.assertEqual((USAGE, 'ubiq: unknown command "cal"; did you mean "call"?\n'), (wrong.returncode, wrong.stderr))


    def test_every_template_is_completed(self):
        offered = re.search(r"--template \]\] && of='([^']*)'", self.run_ubiq("completion", "bash").stdout).group(1)
        refused = self.run_ubiq("new", "a", "--template", "none").stderr
        named = re.search(r"expected (.*)", refused).group(1).replace(" or ", " ").replace(",", "").split()
        self.assertEqual(named, offered.split())


if __name__ == "__main__":
    main()
