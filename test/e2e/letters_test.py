"""`ubiq letters`: dead letters of a server that runs are shown, replayed and dropped."""

import json
import os
import subprocess
import time

import support
from deploying import Test


class Letters(Test):
    def ubiq(self, server, *arguments):
        environment = {**os.environ, "UBIQ_ADMIN": server.admin, "UBIQ_TOKEN": server.token}
        return subprocess.run([support.UBIQ, "letters", *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=support.PATIENCE)

    def says(self, server, *arguments):
        done = self.ubiq(server, *arguments)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def letters(self, server, count):
        """What there is, once it is so many."""
        deadline = time.monotonic() + support.PATIENCE
        while time.monotonic() < deadline:
            items = json.loads(self.says(server, "list", "--json"))["items"]
            if len(items) == count:
                return items
            time.sleep(0.05)
        self.fail("%d letters, expected %d" % (len(items), count))

    def burning(self):
        """A server with two letters of `hot` and one of `cold`, whose function is missing."""
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        send = {"Content-Type": "application/json"}
        for name in ("hot", "cold"):
            body = json.dumps({"topic": name + ".*", "function": "nobody", "retry": {"attempts": 1}})
            self.assertEqual(204, self.raw(server, "PUT", "/v1/subscriptions/" + name, body, send))
        for topic in ("hot.a", "hot.b", "cold.a"):
            self.assertEqual(202, server.ask("POST", "/v1/events", json.dumps({"type": topic}), send)[0])
        self.letters(server, 3)
        return server

    def raw(self, server, method, path, body, headers):
        """The status of what is answered without a body."""
        try:
            return server.ask(method, path, body, headers)[0]
        except json.JSONDecodeError:
            return 204

    def test_letters_are_shown_and_dropped_and_replayed(self):
        server = self.burning()
        lines = self.says(server).splitlines()
        self.assertEqual(["ID", "SUBSCRIPTION", "TYPE", "FAILED", "ATTEMPTS", "ERROR"], lines[0].split())
        self.assertEqual({"hot.a", "hot.b", "cold.a"}, {line.split()[2] for line in lines[1:]})
        self.assertIn('has no function "nobody"', lines[1])
        self.assertIn("there are more", self.says(server, "list", "--limit", "1").splitlines()[2])
        self.assertEqual(["cold"], [line.split()[1] for line in self.says(server, "list", "--subscription", "cold").splitlines()[1:]])
        self.assertEqual("2 delivered again\n", self.says(server, "replay", "--subscription", "hot"))
        again = self.letters(server, 3)
        first = again[0]["id"]
        self.assertEqual("1 dropped\n", self.says(server, "drop", first))
        self.assertEqual(2, len(self.letters(server, 2)))
        gone = self.ubiq(server, "drop", first)
        self.assertEqual(66, gone.returncode, gone.stderr)
        self.assertIn("%s: there is no such dead letter" % first, gone.stderr)
        self.assertEqual({"count": 2}, json.loads(self.says(server, "drop", "--all", "--json")))
        self.assertEqual("0 dropped\n", self.says(server, "drop", "--all"))

    def test_which_are_meant_has_to_be_said(self):
        server = self.launch()
        for arguments in (("drop",), ("replay", "1", "--all"), ("replay", "--subscription", "a", "--all"), ("list", "1"), ("burn",)):
            self.assertEqual(64, self.ubiq(server, *arguments).returncode, arguments)


if __name__ == "__main__":
    support.main()
