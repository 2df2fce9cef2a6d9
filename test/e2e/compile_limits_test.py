#!/usr/bin/env python3
"""What a bundle's modules may cost a server that compiles them: time, memory, numbers of things; and compilers that die."""

import os
import signal
import unittest
import urllib.request

import deploying
import support
from bundle_test import pack
from support import in_thread

SANITIZED = bool(os.environ.get("UBIQ_SANITIZE"))  # they map terabytes: memory has no limit then
TOML = '[project]\nname = "shop"\nversion = "2"\n[functions.costly]\nwasm = "costly.wasm"\nexport = "f"\nroute = "/costly"\n'
FUNCTION = b"\x04\x00\x41\x00\x0b"  # () -> i32, which answers 0
SOME, MANY = 20000, 150000  # functions: a second or so of work, several seconds


def number(value):
    """LEB128."""
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def listed(section, items, count=None):
    body = number(len(items) if count is None else count) + b"".join(items)
    return bytes([section]) + number(len(body)) + body


def module(functions=1, element_segments=0):
    return (b"\0asm\1\0\0\0" + listed(1, [b"\x60\x00\x01\x7f"]) + listed(3, [b"\0"] * functions) + listed(7, [b"\x01f\0\0"]) +
            (listed(9, [b"\x01\x00\x01\x00"] * element_segments) if element_segments else b"") +
            listed(10, [FUNCTION] * functions))


def costly(wasm, toml=TOML):
    return pack(("ubiq.toml", toml), ("costly.wasm", wasm))


class Limits(deploying.Test):
    def setUp(self):
        cache = self.folder()  # nothing is compiled yet
        before = os.environ.get("UBIQ_CACHE")
        os.environ["UBIQ_CACHE"] = cache

        def put_back():
            if before is None:
                del os.environ["UBIQ_CACHE"]
            else:
                os.environ["UBIQ_CACHE"] = before
        self.addCleanup(put_back)

    def place(self, name, content):
        folder = self.folder()
        self.write(folder, name, content)
        return os.path.join(folder, name)

    def job_of(self, helper):
        """Waits for the process that compiles."""
        jobs = []
        while not jobs:
            self.assertIn(helper, deploying.parents())
            jobs = deploying.jobs_of(helper)
        return jobs[0]

    def standby_of(self, helper):
        """Waits for the process that would take the helper's place."""
        found = []
        while not found:
            self.assertIn(helper, deploying.parents())
            found = deploying.standbys_of(helper)
        return found[0]

    def wait_until_gone(self, process):
        while process in deploying.parents():
            pass

    def metrics(self, server):
        request = urllib.request.Request(server.admin + "/_ubiq/metrics", headers={"Authorization": "Bearer " + server.token})
        with urllib.request.urlopen(request, timeout=support.PATIENCE) as response:
            return response.read().decode()

    def refused(self, server, bundle, status, *words):
        before = server.get("/a")
        answer = server.deploy(bundle)
        self.assertEqual(status, answer[0], answer)
        for word in words:
            self.assertIn(word, answer[1]["detail"])
        self.assertEqual(before, server.get("/a"))

    def test_the_time_is_a_setting(self):
        server = self.launch(None, "--compile-time", "50ms")
        self.refused(server, costly(module(SOME)), 507, "costly: ", "compiling takes longer than the 50 ms", "--compile-time")

    @unittest.skipIf(SANITIZED, "no limits of memory with sanitizers")
    def test_the_memory_is_a_setting(self):
        server = self.launch(None, "--compile-memory", "40MiB")
        self.refused(server, costly(module(SOME)), 507, "costly: ", "compiling needs more than the 40 MiB", "--compile-memory")

    def test_a_bundle_that_is_served_has_the_same_limits(self):
        path = self.place("costly.ubiq", costly(module(SOME)))
        done = self.run_ubiq("serve", path, "--listen", "127.0.0.1:0", "--compile-time", "50ms")
        self.assertEqual(73, done.returncode, done.stderr)
        self.assertIn("compiling takes longer than the 50 ms", done.stderr)

    def test_too_many_of_a_thing_are_refused_before_anything_is_compiled(self):
        server = self.launch()
        self.refused(server, costly(module(element_segments=90000)), 413, "costly: ",
                     "it has 90000 element segments; at most 10000 are allowed")
        self.refused(server, costly(module(900000)), 413, "costly: ", "it has 900000 functions; at most 200000 are allowed")
        done = self.run_ubiq("call", self.place("costly.wasm", module(element_segments=90000)), "f")
        self.assertEqual(79, done.returncode)
        self.assertIn("it has 90000 element segments; at most 10000 are allowed", done.stderr)

    def test_text_is_assembled_within_them_too(self):
        server = self.launch(None, "--compile-time", "10ms")
        text = "(module " + "(func (result i32) i32.const 0)" * MANY + ")"
        toml = TOML.replace("costly.wasm", "costly.wat")
        self.refused(server, pack(("ubiq.toml", toml), ("costly.wat", text)), 507, "costly: ", "compiling takes longer")

    def test_one_whose_compiler_is_killed_is_refused_and_the_next_is_served(self):
        server = self.launch()
        helper = deploying.helper_of(server)
        deploy = in_thread(server.deploy, costly(module(MANY)))
        os.kill(self.job_of(helper), signal.SIGKILL)
        deploy.join()
        self.assertEqual(500, deploy.result[0])
        self.assertIn("the compiler ended in the middle: signal 9", deploy.result[1]["detail"])
        self.deployed(server, self.bundle("1"))
        self.serves(server, "1")

    def test_compiling_gives_way_to_serving(self):
        server = self.launch()
        deploy = in_thread(server.deploy, costly(module(MANY)))
        job = self.job_of(deploying.helper_of(server))
        try:
            while os.getpriority(os.PRIO_PROCESS, job) != 10:
                self.assertIn(job, deploying.parents())
        finally:
            os.kill(job, signal.SIGKILL)
        deploy.join()

    def test_nothing_compiles_on_for_a_server_that_was_killed(self):
        server = self.launch()
        starter, helper = deploying.starter_of(server), deploying.helper_of(server)
        deploy = in_thread(server.deploy, costly(module(MANY)))
        job, standby = self.job_of(helper), self.standby_of(helper)
        server.process.kill()
        server.process.wait(support.PATIENCE)
        deploy.join()
        while {starter, helper, job, standby} & set(deploying.parents()):
            pass

    def complete_family_of(self, member):
        """Waits until all three are there; who works comes first."""
        family = []
        while len(family) < 3 or deploying.name_of(family[0]) != "ubiq compiler":
            self.assertIn(member, deploying.parents())
            family = sorted(deploying.family_of(member), key=deploying.name_of)
        return family

    def kill_at_once(self, *processes):
        """So that none sees another's end."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in processes:
                os.kill(process, number)
        for process in processes:
            self.wait_until_gone(process)

    def test_a_helper_that_is_killed_is_replaced(self):
        server = self.launch()
        first = deploying.helper_of(server)
        for number in range(1, 7):
            survivor = self.complete_family_of(first)[1]
            self.kill_at_once(first)
            self.deployed(server, self.bundle(str(number)))
            self.serves(server, str(number))
            first = self.complete_family_of(survivor)[0]

    def test_two_helpers_that_are_killed_at_once_are_replaced(self):
        server = self.launch()
        survivor = deploying.helper_of(server)
        for number, (one, other, left) in enumerate(((0, 1, 2), (1, 2, 0), (0, 2, 1))):
            family = self.complete_family_of(survivor)
            survivor = family[left]
            self.kill_at_once(family[one], family[other])
            self.deployed(server, self.bundle(str(number)))
            self.serves(server, str(number))
            self.complete_family_of(survivor)

    def test_a_deploy_whose_helper_is_killed_is_refused_and_the_next_is_served(self):
        server = self.launch()
        helper = deploying.helper_of(server)
        self.standby_of(helper)
        deploy = in_thread(server.deploy, costly(module(MANY)))
        job = self.job_of(helper)
        os.kill(helper, signal.SIGKILL)
        deploy.join()
        self.assertEqual(503, deploy.result[0])
        self.assertIn("another has taken its place: deploy again", deploy.result[1]["detail"])
        self.wait_until_gone(job)
        self.deployed(server, self.bundle("1"))
        self.serves(server, "1")

    def compiles(self, server, number):
        """A release whose module no cache has."""
        self.deployed(server, costly(module(number)))
        self.assertEqual((200, ""), server.get("/costly"))

    def test_helpers_that_are_killed_all_at_once_are_started_anew(self):
        server = self.launch()
        self.kill_at_once(*self.complete_family_of(deploying.helper_of(server)))
        for number in range(1, 7):
            self.compiles(server, number)
            self.kill_at_once(*self.complete_family_of(deploying.helper_of(server)))
        self.assertEqual([], deploying.children_of(deploying.starter_of(server)))
        self.assertEqual({"status": "ready"}, server.ask("GET", "/_ubiq/health/ready")[1])
        self.assertIn("\nubiq_compiler_starts_total 7\n", self.metrics(server))
        self.assertIn("\nubiq_compiler_state{state=\"well\"} 1\n", self.metrics(server))

    def test_a_module_whose_helpers_are_all_killed_is_refused_and_the_next_is_served(self):
        server = self.launch()
        family = self.complete_family_of(deploying.helper_of(server))
        deploy = in_thread(server.deploy, costly(module(MANY)))
        job = self.job_of(family[0])
        self.kill_at_once(*family)
        deploy.join()
        self.assertEqual(503, deploy.result[0])
        self.assertIn("another has taken its place: deploy again", deploy.result[1]["detail"])
        self.wait_until_gone(job)
        self.deployed(server, self.bundle("1"))
        self.serves(server, "1")

    def test_a_server_whose_starter_is_killed_compiles_and_says_what_is_wrong(self):
        server = self.launch()
        self.compiles(server, 1)
        family, starter = self.complete_family_of(deploying.helper_of(server)), deploying.starter_of(server)
        self.kill_at_once(starter)
        self.compiles(server, 2)
        status, ready = server.ask("GET", "/_ubiq/health/ready")
        self.assertEqual((200, "ready"), (status, ready["status"]))
        self.assertIn("when they are killed, nothing can be deployed until it is started again", ready["warning"])
        self.assertIn("\nubiq_compiler_state{state=\"last\"} 1\n", self.metrics(server))
        server.wait_for("the process that starts those that compile for this server has ended")
        self.kill_at_once(*family)
        ready = server.ask("GET", "/_ubiq/health/ready")[1]
        self.assertIn("nothing can be deployed until it is started again", ready["warning"])
        self.assertIn("\nubiq_compiler_state{state=\"gone\"} 1\n", self.metrics(server))
        self.refused(server, costly(module(3)), 503, "the processes that compile for this server have ended", "restart the server")
        self.assertEqual((200, ""), server.get("/costly"))

    def test_it_is_no_command_of_anybody(self):
        done = self.run_ubiq("compile-for-server", "on")
        self.assertEqual(65, done.returncode)
        self.assertIn("say `ubiq compile`", done.stderr)


if __name__ == "__main__":
    support.main()
