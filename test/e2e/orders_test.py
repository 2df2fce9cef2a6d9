"""examples/orders, served: what its README shows, and that nothing acknowledged is lost when it is killed."""

import json
import os
import re
import shlex
import shutil
import signal
import threading
import time

import calling
import support

EXAMPLE = os.path.join(os.environ["UBIQ_SOURCE"], "examples", "orders")


class Orders(calling.Test):
    def make(self):
        """The example with the module that the build of guests has made, and a report each second."""
        with open(os.path.join(EXAMPLE, "ubiq.toml"), encoding="utf-8") as file:
            text = re.sub(r"^build = .*\n", "", file.read(), flags=re.M)
        text = re.sub(r'^wasm = .*', 'wasm = "%s"' % self.guest("orders"), text, flags=re.M)
        self.assertIn('cron = "* * * * *"', text)
        project = self.project(text=text.replace('cron = "* * * * *"', 'cron = "* * * * * *"'))
        for name in ("platform.h", "charge.c", "report.c"):
            shutil.copy(os.path.join(EXAMPLE, name), project)
        return project

    def ask(self, server, method, path, body=None):
        body = None if body is None else json.dumps(body)
        status, _, answer = server.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        return status, json.loads(answer)

    def wait_until(self, condition):
        deadline = time.monotonic() + support.PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it did not come about")
            time.sleep(0.02)

    def place(self, server, id, customer="ada", cents=1000):
        return self.ask(server, "POST", "/orders", {"id": id, "customer": customer, "cents": cents})

    def is_charged(self, server, id):
        status, order = self.ask(server, "GET", "/orders/" + id)
        self.assertEqual(200, status, id)
        return order["state"] == "charged"

    def test_what_the_readme_shows_is_what_comes(self):
        server = self.start(self.make())
        with open(os.path.join(EXAMPLE, "README.md"), encoding="utf-8") as file:
            shown = re.findall(r"^    \$ curl (.*)\n    (.*)$", file.read(), re.M)
        self.assertEqual(5, len(shown))
        for command, answer in shown:
            words = shlex.split(command)
            body = words[words.index("--json") + 1] if "--json" in words else None
            path = words[-1].replace("http://127.0.0.1:8080", "")
            expected = json.loads(answer)
            if path == "/report":  # how many there were by then is the clock's
                self.wait_until(lambda: self.ask(server, "GET", path)[1].get("orders") == expected["orders"])
                self.assertEqual(set(expected), set(self.ask(server, "GET", path)[1]))
            elif body is None:
                self.wait_until(lambda: self.ask(server, "GET", path)[1] == expected)
            else:
                self.assertEqual((201, expected), self.ask(server, "POST", path, json.loads(body)))

    def test_an_order_sent_again_is_the_same_and_another_by_its_id_is_refused(self):
        server = self.start(self.make())
        self.assertEqual([201, 200, 409], [self.place(server, "a")[0], self.place(server, "a")[0], self.place(server, "a", cents=1)[0]])
        self.assertEqual([400, 400, 400], [self.place(server, "a b")[0], self.place(server, "b", cents=0)[0],
                                           self.ask(server, "POST", "/orders", {})[0]])
        self.assertEqual(404, self.ask(server, "GET", "/orders/b")[0])
        self.wait_until(lambda: self.ask(server, "GET", "/report")[1].get("orders") == 1)

    def test_what_was_acknowledged_is_there_and_handled_after_a_kill(self):
        project, placed = self.make(), []
        for round_ in range(3):
            server = self.start(project, "--workers", "2")
            enough = threading.Semaphore(0)
            clients = [support.in_thread(self.place_on, server, "%d-%d" % (round_, i), placed, enough) for i in range(4)]
            for _ in range(40):
                enough.acquire(timeout=support.PATIENCE)
            server.signal(signal.SIGKILL)
            for client in clients:
                client.join(support.PATIENCE)
            server.wait()
        self.assertGreater(len(placed), 12)
        server = self.start(project, "--workers", "2")
        before = self.ask(server, "GET", "/report")[1].get("reports", 0)
        for id in placed:
            self.wait_until(lambda: self.is_charged(server, id))
        self.assertEqual((200, []), self.ask(server, "GET", "/refused"))
        self.wait_until(lambda: self.ask(server, "GET", "/report")[1].get("reports", 0) > before)
        self.assertGreaterEqual(self.ask(server, "GET", "/report")[1]["orders"], len(placed))

    def place_on(self, server, name, placed, enough):
        """Places orders until nobody answers, and notes what was acknowledged."""
        number = 0
        while True:
            id, number = "%s-%d" % (name, number), number + 1
            try:
                status, _ = self.place(server, id, customer=name)
            except (OSError, support.http.client.HTTPException, ValueError):
                enough.release()
                return
            if status in (200, 201):
                placed.append(id)
            enough.release()


if __name__ == "__main__":
    support.main()
