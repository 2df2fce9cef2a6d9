"""The cache as functions reach it: shared by workers, and locks that others wait for."""

import json
import threading

import support
from support import function


class Cache(support.Relaying):
    def launch(self, *options):
        functions = [function("relay", "POST /relay", permissions='["cache:*"]'), function("relay2", "POST /relay2", permissions='["cache:*"]', export='"relay"')]
        return self.start(self.project(*functions, files={"guest.c": support.RELAY}), *options)

    def test_what_one_worker_puts_others_find(self):
        server = self.launch("--workers", "4")
        self.assertEqual(204, self.ask(server, "PUT", "/v1/cache/a", query={"ttl": "1h"}, body=[1])["status"])
        for _ in range(20):
            self.assertEqual([1], self.ask(server, "GET", "/v1/cache/a")["body"])

    def test_a_function_has_entries_of_its_own(self):
        server = self.launch()
        own = {"scope": "function"}
        self.assertEqual(204, self.ask(server, "PUT", "/v1/cache/a", query=own, body=1)["status"])
        self.assertEqual(200, self.ask(server, "GET", "/v1/cache/a", query=own)["status"])
        self.assertEqual(404, self.ask(server, "GET", "/v1/cache/a")["status"])
        self.assertEqual(404, self.ask(server, "GET", "/v1/cache/a", "/relay2", query=own)["status"])

    def test_one_of_many_makes_a_value_and_the_others_wait_for_it(self):
        server = self.launch("--workers", "2")
        answers = []

        def get_or_make():
            answer = self.ask(server, "POST", "/v1/cache/a/lock", query={"wait": "15s", "hold": "15s"})
            if answer["status"] == 201:
                lock = answer["body"]["lock"]
                self.ask(server, "PUT", "/v1/cache/a", query={"lock": lock}, body="made")
            answers.append((answer["status"], answer["body"]))

        threads = [threading.Thread(target=get_or_make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([200] * 7 + [201], sorted(status for status, _ in answers))
        self.assertEqual(7, answers.count((200, "made")))

    def test_a_run_that_waits_for_a_lock_ends_when_its_time_is_over(self):
        functions = [function("relay", "POST /relay", permissions='["cache:*"]'),
                     function("brief", "POST /brief", export='"relay"', permissions='["cache:*"]', timeout='"500ms"')]
        server = self.start(self.project(*functions, files={"guest.c": support.RELAY}))
        self.assertEqual(201, self.ask(server, "POST", "/v1/cache/a/lock", query={"hold": "1h"})["status"])
        body = json.dumps({"method": "POST", "path": "/v1/cache/a/lock", "query": {"wait": "1h"}})
        self.assertEqual(504, server.request("POST", "/brief", body)[0])
        self.assertEqual(404, self.ask(server, "GET", "/v1/cache/a")["status"])


if __name__ == "__main__":
    support.main()
