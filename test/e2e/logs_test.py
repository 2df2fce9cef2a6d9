"""`ubiq logs`: what a server and its functions log, from another terminal."""

import json
import os
import signal
import subprocess

import deploying
import support


class Logs(deploying.Test):
    def logs(self, server, *arguments):
        done = self.run_ubiq("logs", "--server", server.admin, "--token-file", os.path.join(server.state, "token"), *arguments)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout.splitlines()

    def serve_two(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        self.deployed(server, self.failing("2"))
        self.assertEqual(502, server.get("/a")[0])
        return server

    def test_the_last_lines_are_shown(self):
        server = self.serve_two()
        self.assertRegex("\n".join(self.logs(server, "--function", "a")), r"^\S+Z warn  a: trap: ")
        self.assertEqual(1, len(self.logs(server, "-n", "1")))
        lines = [json.loads(line) for line in self.logs(server, "--json", "--level", "warn")]
        self.assertEqual({"warn"}, {line["level"] for line in lines})
        self.assertEqual(sorted(line["number"] for line in lines), [line["number"] for line in lines])
        self.assertTrue(all("\x1b" not in line for line in self.logs(server)))

    def test_who_follows_sees_what_comes_and_does_not_hold_the_end_up(self):
        server = self.serve_two()
        follower = subprocess.Popen([support.UBIQ, "logs", "-f", "--function", "a", "--server", server.admin, "--token-file",
                                     os.path.join(server.state, "token")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(follower.stdout.close)
        self.assertIn("a: trap", follower.stdout.readline())
        self.assertEqual(502, server.get("/a")[0])
        self.assertIn("a: trap", follower.stdout.readline())
        self.assertEqual(0, server.stop())
        self.assertNotEqual(0, follower.wait(support.PATIENCE))  # there is no server any more

    def test_ctrl_c_ends_it(self):
        server = self.serve_two()
        follower = subprocess.Popen([support.UBIQ, "logs", "-f", "--server", server.admin, "--token-file",
                                     os.path.join(server.state, "token")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.addCleanup(follower.stdout.close)
        follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        self.assertIn(follower.wait(support.PATIENCE), (130, -signal.SIGINT))

    def test_who_follows_for_nobody_ends_with_the_next_line(self):
        server = self.serve_two()
        follower = subprocess.Popen([support.UBIQ, "logs", "-f", "--function", "a", "--server", server.admin, "--token-file",
                                     os.path.join(server.state, "token")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        self.addCleanup(follower.stderr.close)
        self.addCleanup(follower.kill)
        self.assertIn("a: trap", follower.stdout.readline())
        follower.stdout.close()
        self.assertEqual(502, server.get("/a")[0])
        self.assertEqual(69, follower.wait(support.PATIENCE))
        self.assertIn("standard output: is closed; nobody reads the output", follower.stderr.read())

    def test_nonsense_is_refused(self):
        server = self.serve_two()
        for query, part in (("count=x", "count is"), ("after=-1", "after is"), ("wait_ms=60000", "wait_ms is"), ("level=loud", "level is")):
            status, answer = server.ask("GET", "/v1/logs?" + query)
            self.assertEqual(400, status)
            self.assertIn(part, answer["detail"])
        self.assertEqual(401, server.ask("GET", "/v1/logs", token="ubiq_00000000_" + "0" * 64)[0])


if __name__ == "__main__":
    support.main()
