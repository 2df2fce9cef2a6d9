"""examples/orders, served: what its README shows, and that nothing acknowledged is lost when it is killed."""

import datetime
import http.server
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time

import calling
import deploying
import support

EXAMPLE = os.path.join(os.environ["UBIQ_SOURCE"], "examples", "orders")


class Bank(http.server.ThreadingHTTPServer):
    """Takes every charge, and knows what it charged: once for each order."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), BankHandler)
        self.charges, self.keys, self.asked = {}, set(), 0
        support.in_thread(self.serve_forever)


class BankHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.charges[self.path.rpartition("/")[2]] = body["cents"]
        self.server.keys.add(self.headers["Authorization"])
        self.server.asked += 1
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def handle(self):
        try:
            super().handle()
        except ConnectionResetError:  # who asked was killed
            pass

    def log_message(self, *_):
        pass


class Orders(calling.Test):
    def bank(self):
        bank = Bank()
        self.addCleanup(bank.server_close)
        self.addCleanup(bank.shutdown)
        return bank

    def make(self, bank=None):
        """The example with the module that the build of guests has made, and a report each second."""
        with open(os.path.join(EXAMPLE, "ubiq.toml"), encoding="utf-8") as file:
            text = re.sub(r"^build = .*\n", "", file.read(), flags=re.M)
        text = re.sub(r'^wasm = .*', 'wasm = "%s"' % self.guest("orders"), text, flags=re.M)
        self.assertIn('cron = "* * * * *"', text)
        text = text.replace('cron = "* * * * *"', 'cron = "* * * * * *"')
        if bank is not None:
            text = text.replace("https://bank.example.com", "http://localhost:%d" % bank.server_port)
            text = text.replace("put:bank.example.com", "put:localhost:%d" % bank.server_port)
        project = self.project(text=text)
        for name in os.listdir(EXAMPLE):
            if name.endswith((".c", ".h")):
                shutil.copy(os.path.join(EXAMPLE, name), project)
        return project

    def ask(self, server, method, path, body=None):
        body = None if body is None else json.dumps(body)
        status, _, answer = server.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        text = answer.decode()
        return status, json.loads(text) if text.startswith(("{", "[")) else text

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

    def shown(self):
        """The commands of the README's first part, with what they answer."""
        with open(os.path.join(EXAMPLE, "README.md"), encoding="utf-8") as file:
            for command, answer in re.findall(r"^    \$ curl (.*)\n((?:    [^$].*\n)*)", file.read(), re.M):
                words = shlex.split(command)
                body = words[words.index("--json") + 1] if "--json" in words else None
                method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
                text = "".join(line[4:] for line in answer.splitlines(True)).strip()
                yield method, words[-1].replace("http://127.0.0.1:8080", ""), body, text

    def test_what_the_readme_shows_is_what_comes(self):
        server = self.start(self.make())
        count = 0
        for method, path, body, text in self.shown():
            count += 1
            expected = json.loads(text) if text.startswith(("{", "[")) else text
            if path == "/report" or (method, path) == ("POST", "/exports"):  # how many reports there were by then is the clock's
                keys = set(expected)
                self.wait_until(lambda: set(self.ask(server, method, path)[1]) == keys)
            elif method == "GET":
                self.wait_until(lambda: self.got(server, path) == expected)
            else:
                status, answer = self.ask(server, method, path, body and json.loads(body))
                self.assertEqual((204 if body is None else 201, expected), (status, answer))
        self.assertEqual(10, count)
        self.wait_until(lambda: self.ask(server, "GET", "/report")[1]["orders"] == 2)
        self.assertEqual((200, "Invoice for order a1\n\nTo be paid by ada: 1190 cents\n"), self.ask(server, "GET", "/orders/a1/invoice"))

    def got(self, server, path):
        answer = self.ask(server, "GET", path)[1]
        return answer.strip() if isinstance(answer, str) else answer

    def test_an_order_sent_again_is_the_same_and_another_by_its_id_is_refused(self):
        server = self.start(self.make())
        self.assertEqual([201, 200, 409], [self.place(server, "a")[0], self.place(server, "a")[0], self.place(server, "a", cents=1)[0]])
        self.assertEqual([400, 400, 400], [self.place(server, "a b")[0], self.place(server, "b", cents=0)[0],
                                           self.ask(server, "POST", "/orders", {})[0]])
        self.assertEqual(404, self.ask(server, "GET", "/orders/b")[0])
        self.wait_until(lambda: self.ask(server, "GET", "/report")[1].get("orders") == 1)

    def failures_of(self, server, name):
        """How many runs of a function have failed, by the run log."""
        runs = [json.loads(line) for line in server.lines if line.startswith('{"time"')]
        return sum((run["function"], run["outcome"]) == (name, "guest_error") for run in runs)

    def test_reminders_audits_exports_and_dead_letters_come_and_go(self):
        server = self.start(self.make(), "--run-log", "-")
        self.assertEqual([404, 404, 404], [self.ask(server, "GET", path)[0] for path in ("/exports", "/orders/a/invoice", "/exports/x")])
        self.assertEqual((200, {}), self.ask(server, "GET", "/audit"))
        at = {"at": "2100-01-01T00:00:00Z"}
        self.assertEqual([400, 201, 409], [self.ask(server, "POST", "/orders/a/reminder", body)[0] for body in ({"at": "soon"}, at, at)])
        self.assertEqual([204, 404], [self.ask(server, "DELETE", "/orders/a/reminder")[0] for _ in range(2)])
        self.assertEqual([204, 204, 204], [self.ask(server, method, "/audit")[0] for method in ("PUT", "DELETE", "DELETE")])
        for i in range(130):  # more than one page
            self.assertEqual(201, self.place(server, "o%d" % i, cents=1 if i else 100001)[0])
        self.wait_until(lambda: len(self.ask(server, "GET", "/refused")[1]) == 1)
        self.assertEqual(200, self.ask(server, "POST", "/refused")[0])
        self.wait_until(lambda: self.failures_of(server, "bill") == 6)  # three attempts, and three again
        self.wait_until(lambda: len(self.ask(server, "GET", "/refused")[1]) == 1)
        status, answer = self.ask(server, "POST", "/exports")
        self.assertEqual(202, status)
        path = "/exports/" + answer["export"]
        self.wait_until(lambda: self.ask(server, "GET", path) == (200, {"status": "done", "orders": 130}))
        self.assertEqual(131, len(self.ask(server, "GET", "/exports")[1].splitlines()))
        self.assertEqual((200, {}), self.ask(server, "GET", "/audit"))

    def test_what_was_acknowledged_is_there_and_handled_after_a_kill(self):
        bank = self.bank()
        project, placed = self.make(bank), []
        for round_ in range(3):
            server = self.start(project, "--workers", "2", "--environment", "production")
            self.assertEqual(204, self.ask(server, "PUT", "/audit")[0])
            if round_ == 0:
                self.assertEqual(201, self.place(server, "dear", cents=100001)[0])
                soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
                at = soon.strftime("%Y-%m-%dT%H:%M:%SZ")
                self.assertEqual(201, self.ask(server, "POST", "/orders/dear/reminder", {"at": at})[0])
            enough = threading.Semaphore(0)
            clients = [support.in_thread(self.place_on, server, "%d-%d" % (round_, i), placed, enough) for i in range(4)]
            for _ in range(40):
                enough.acquire(timeout=support.PATIENCE)
            self.ask(server, "POST", "/exports")
            server.signal(signal.SIGKILL)
            for client in clients:
                client.join(support.PATIENCE)
            server.wait()
        self.assertGreater(len(placed), 12)
        server = self.start(project, "--workers", "2", "--environment", "production")
        self.look(server, bank, placed)

    def look(self, server, bank, placed):
        """Everything that was acknowledged has happened, or does."""
        before = self.ask(server, "GET", "/report")[1].get("reports", 0)
        for id in placed:
            self.wait_until(lambda: self.is_charged(server, id))
            self.assertEqual((200, 1190), (self.ask(server, "GET", "/orders/%s/invoice" % id)[0], bank.charges[id]), id)
        self.wait_until(lambda: [letter["order"] for letter in self.ask(server, "GET", "/refused")[1]] == ["dear"])
        self.wait_until(lambda: self.ask(server, "GET", "/report")[1].get("reports", 0) > before)
        orders = self.ask(server, "GET", "/report")[1]["orders"]
        self.assertGreaterEqual(orders, len(placed) + 1)
        self.wait_until(lambda: self.ask(server, "GET", "/audit")[1].get("order.waits") == 1)
        self.wait_until(lambda: self.ask(server, "GET", "/audit")[1]["order.charged"] >= len(placed))
        counts = self.ask(server, "GET", "/audit")[1]
        self.assertTrue(counts["order.charged"] < counts["order.created"] <= orders, (counts, orders))
        path = "/exports/" + self.ask(server, "POST", "/exports")[1]["export"]
        self.wait_until(lambda: self.ask(server, "GET", path)[1]["status"] == "done")
        self.assertEqual(orders, self.ask(server, "GET", path)[1]["orders"])

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

    def test_its_cases_pass(self):
        project = self.make()
        shutil.copy(os.path.join(EXAMPLE, "orders.test.toml"), project)
        done = self.run_ubiq("test", project)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"12 cases: 12 passed")


class DeployedOrders(Orders, deploying.Test):
    """The same as a bundle on a server, as the README's second part has it."""

    for name in [name for name in dir(Orders) if name.startswith("test_")]:
        locals()[name] = None  # a project's own

    def test_a_server_with_a_bank_charges_what_is_ordered_after_a_kill_too(self):
        bank = self.bank()
        bundle = os.path.join(self.folder(), "orders.ubiq")
        done = self.run_ubiq("build", self.make(bank), "--output", bundle)
        self.assertEqual(0, done.returncode, done.stderr)
        options = ("--environment", "production", "--allow", "http:put:localhost:%d/*" % bank.server_port)
        server = self.launch(None, *options)
        done = subprocess.run([support.UBIQ, "secret", "set", "payment-key", "--state", server.state, "--project", "orders"],
                              input="sesame", capture_output=True, text=True, timeout=support.PATIENCE)
        self.assertEqual(0, done.returncode, done.stderr)
        done = self.run_ubiq("deploy", bundle, "--server", server.admin, "--token-file", os.path.join(server.state, "token"))
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(201, self.place(server, "a")[0])
        self.wait_until(lambda: self.is_charged(server, "a"))
        server.signal(signal.SIGKILL)
        server.wait()
        server = self.launch(server.state, *options)
        self.assertEqual(201, self.place(server, "b")[0])
        self.wait_until(lambda: self.is_charged(server, "b"))
        self.assertTrue(self.is_charged(server, "a"))
        self.assertEqual(({"a": 1190, "b": 1190}, {"Bearer sesame"}, 2), (bank.charges, bank.keys, bank.asked))


if __name__ == "__main__":
    support.main()
