"""The server is killed again and again while clients put, publish and schedule: nothing that was acknowledged is missing."""

import json
import os
import random
import signal
import threading
import time

import support
from support import function

# `keep` stores the key "seen/NAME" of {"data": "NAME"}, an event or a schedule's input.
GUEST = support.RELAY + r"""
static char text[1 << 10];

UBIQ_EXPORT(keep) {
  static const char start[] = "{\"method\":\"PUT\",\"path\":\"/v1/kv/seen%2F", end[] = "\",\"body\":1}", data[] = "\"data\":\"";
  size_t count, size = 0, at = 0, same = 0;
  const char *input = ubiq_input(&count);
  for (; at < count && data[same] != 0; at++) same = input[at] == data[same] ? same + 1 : input[at] == data[0];
  for (size_t i = 0; start[i] != 0; i++) text[size++] = start[i];
  for (; at < count && input[at] != '"' && size < 200; at++) text[size++] = input[at];
  for (size_t i = 0; end[i] != 0; i++) text[size++] = end[i];
  const ubiq_block answer = ubiq_invoke(UBIQ_JSON, text, size);
  return ubiq_answer_status(answer) == 200 ? 0 : ubiq_error_string("not kept");
}
"""

KILLS = int(os.environ.get("UBIQ_KILLS") or (10 if os.environ.get("UBIQ_SANITIZE") else 88))  # kv_test and orders_test: the rest to 100


class Kill(support.Test):
    def make(self):
        return self.project(function("relay", "POST /relay", permissions='["*"]'),
                            function("keep", "POST /keep", permissions='["kv:write:seen/*"]', events='[{ topic = "t" }]',
                                     queue="100000"),
                            files={"guest.c": GUEST})

    def ask(self, server, method, path, **more):
        status, _, answer = server.request("POST", "/relay", json.dumps(dict(method=method, path=path, **more)))
        return json.loads(answer) if status == 200 else {"status": status}

    def put(self, server, name):
        return self.ask(server, "PUT", "/v1/kv/put%2F" + name, body=name)["status"] == 200

    def publish(self, server, name):
        return self.ask(server, "POST", "/v1/events", body={"type": "t", "data": name, "partitionkey": name[-1]})["status"] == 202

    def schedule(self, server, name):
        """Half of them at once, so that turns are under way when the server is killed; half of them never within the test."""
        at = "2020-01-01T00:00:00Z" if int(name[-1]) % 2 else "2999-01-01T00:00:00Z"
        body = {"name": name, "function": "keep", "at": at, "input": {"data": name}}
        return self.ask(server, "POST", "/v1/schedules", body=body)["status"] == 201

    def go_on(self, server, make, name, kept, enough):
        """Makes one after the other until nobody answers, and notes what was acknowledged."""
        number = 0
        while True:
            each, number = "%s-%d" % (name, number), number + 1
            try:
                if make(server, each):
                    kept.append(each)
            except (OSError, support.http.client.HTTPException, ValueError):
                enough.release()
                return
            enough.release()

    def keys(self, server, prefix):
        found, cursor = set(), None
        while True:
            page = self.ask(server, "GET", "/v1/kv", query={"prefix": prefix, "limit": "1000", **({"cursor": cursor} if cursor else {})})["body"]
            found |= {item["key"][len(prefix):] for item in page["items"]}
            cursor = page.get("cursor")
            if cursor is None:
                return found

    def scheduled(self, server):
        found, cursor = set(), None
        while True:
            page = self.ask(server, "GET", "/v1/schedules", query={"limit": "1000", **({"cursor": cursor} if cursor else {})})["body"]
            found |= {each["name"] for each in page["schedules"]}
            cursor = page.get("cursor")
            if cursor is None:
                return found

    def test_nothing_acknowledged_is_missing(self):
        project, chance = self.make(), random.Random(11)
        kinds = [(self.put, "p", []), (self.publish, "e", []), (self.schedule, "s", [])]
        for round_ in range(KILLS):
            server = self.start(project, "--workers", "2")
            enough = threading.Semaphore(0)
            clients = [support.in_thread(self.go_on, server, make, "%s-%d-%d" % (kind, round_, i), kept, enough)
                       for make, kind, kept in kinds for i in range(2)]
            for _ in range(chance.randrange(6, 50)):
                enough.acquire(timeout=support.PATIENCE)
            server.signal(signal.SIGKILL)
            for client in clients:
                client.join(support.PATIENCE)
            server.wait()
        server = self.start(project, "--workers", "2")
        puts, events, schedules = (set(kept) for _, _, kept in kinds)
        for acknowledged in (puts, events, schedules):
            self.assertGreater(len(acknowledged), KILLS)
        self.assertEqual(set(), puts - self.keys(server, "put/"))
        now = {name for name in schedules if int(name[-1]) % 2}
        self.assertEqual(set(), schedules - now - self.scheduled(server))
        deadline = time.monotonic() + support.PATIENCE
        missing = events | now
        while missing and time.monotonic() < deadline:
            missing -= self.keys(server, "seen/")
        self.assertEqual(set(), missing)


if __name__ == "__main__":
    support.main()
