"""Events and schedules as functions reach them, with the real program."""

import datetime
import json
import os
import signal
import time

import support
from support import function

# `relay` asks for what its input says. `note` stores what it is given under the key "seen/N". `burn` traps until the key "water" is there.
# `echo` publishes again whatever it is told of.
GUEST = r"""
#include <ubiq/host.h>

static char text[1 << 16];
static size_t size;

static void put_bytes(const char *from, size_t count) {
  for (size_t i = 0; i < count; i++) text[size++] = from[i];
}

static void put(const char *from) {
  while (*from != 0) text[size++] = *from++;
}

/// Asks what was put together; the answer takes its place.
static void ask(void) {
  ubiq_block answer = ubiq_invoke(UBIQ_JSON, text, size);
  size = ubiq_block_size(answer);
  ubiq_block_read(answer, text, size);
  ubiq_block_free(answer);
}

/// Where `what` ends in the answer; 0: it is not there.
static size_t find(const char *what) {
  for (size_t at = 0; at < size; at++) {
    size_t i = 0;
    while (what[i] != 0 && at + i < size && text[at + i] == what[i]) i++;
    if (what[i] == 0) return at + i;
  }
  return 0;
}

UBIQ_EXPORT(relay) {
  size_t count;
  char *request = ubiq_input(&count);
  ubiq_block answer = ubiq_invoke(UBIQ_JSON, request, count);
  return ubiq_output_block(answer, ubiq_block_size(answer));
}

static void note(const char *input, size_t count) {
  char number[24];
  size_t digits = 0;
  size = 0;
  put("{\"method\":\"POST\",\"path\":\"/v1/kv/count/increment\",\"body\":{\"by\":1}}");
  ask();
  for (size_t at = find("\"value\":"); text[at] >= '0' && text[at] <= '9'; at++) number[digits++] = text[at];
  size = 0;
  put("{\"method\":\"PUT\",\"path\":\"/v1/kv/seen%2F");
  put_bytes(number, digits);
  put("\",\"body\":");
  put_bytes(count == 0 ? "null" : input, count == 0 ? 4 : count);
  put("}");
  ask();
}

UBIQ_EXPORT(note) {
  size_t count;
  char *input = ubiq_input(&count);
  note(input, count);
  return 0;
}

UBIQ_EXPORT(burn) {
  size_t count;
  char *input = ubiq_input(&count);
  size = 0;
  put("{\"method\":\"GET\",\"path\":\"/v1/kv/water\"}");
  ask();
  if (find("\"status\":200") == 0) __builtin_trap();
  note(input, count);
  return 0;
}

UBIQ_EXPORT(echo) {
  size_t count;
  char *input = ubiq_input(&count);
  note(input, count);
  size = 0;
  put("{\"method\":\"POST\",\"path\":\"/v1/events\",\"body\":{\"type\":\"loop\"}}");
  ask();
  return 0;
}
"""

NAMES = ("note", "burn", "echo")


def now(seconds=0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Base(support.Relaying):
    def make(self):
        functions = [function(name, "POST /" + name, permissions='["*"]') for name in ("relay", *NAMES)]
        return self.project(*functions, files={"guest.c": GUEST})

    def subscribe(self, server, name, topic, to, **more):
        answer = self.ask(server, "PUT", "/v1/subscriptions/" + name, body=dict(topic=topic, function=to, **more))
        self.assertEqual(204, answer["status"], answer)

    def publish(self, server, **event):
        answer = self.ask(server, "POST", "/v1/events", body=event)
        self.assertEqual(202, answer["status"], answer)
        return answer["body"]["id"]

    def seen(self, server, count):
        """What `note` stored, once there are `count`."""
        deadline = time.monotonic() + support.PATIENCE
        while time.monotonic() < deadline:
            items = self.ask(server, "GET", "/v1/kv", query={"prefix": "seen/"})["body"]["items"]
            if len(items) >= count:
                break
            time.sleep(0.02)
        self.assertEqual(count, len(items))
        return [self.ask(server, "GET", "/v1/kv/seen%%2F%d" % (i + 1))["body"] for i in range(count)]

    def all_seen(self, server):
        """What `note` stored so far, oldest first; of a run that was killed on its way nothing is there."""
        numbers, cursor = [], {}
        while True:
            page = self.ask(server, "GET", "/v1/kv", query={"prefix": "seen/", "limit": "1000", **cursor})["body"]
            numbers += [int(item["key"].partition("/")[2]) for item in page["items"]]
            if "cursor" not in page:
                return [self.ask(server, "GET", "/v1/kv/seen%%2F%d" % n)["body"] for n in sorted(numbers)]
            cursor = {"cursor": page["cursor"]}

    def wait_until(self, condition):
        deadline = time.monotonic() + support.PATIENCE
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        self.fail("it did not come about")


class Events(Base):
    def test_an_event_reaches_who_subscribed_to_its_topic(self):
        server = self.start(self.make())
        self.subscribe(server, "orders", "order.*", "note")
        self.subscribe(server, "others", "bill.*", "note")
        id = self.publish(server, type="order.created", data={"n": 1}, subject="7", partitionkey="u7", extra="x")
        [event] = self.seen(server, 1)
        self.assertEqual((id, "order.created", {"n": 1}, "7", "u7", "x", "1.0", "relay"),
                         tuple(event[key] for key in ("id", "type", "data", "subject", "partitionkey", "extra",
                                                      "specversion", "source")))
        self.wait_until(lambda: self.ask(server, "GET", "/v1/subscriptions/orders")["body"]["lag"] == 0)

    def test_an_event_comes_in_headers_and_once_however_often_it_is_published(self):
        server = self.start(self.make())
        self.subscribe(server, "all", "*", "note")
        headers = {"ce-type": "order.created", "ce-id": "7", "ce-source": "/shop", "ce-more": "Euro%20%E2%82%AC", "content-type": "text/plain"}
        for path in ("/v1/events/binary", "/v1/events"):
            answer = self.ask(server, "POST", path, headers=headers, body="hello", encoding="utf8")
            self.assertEqual((202, {"id": "7"}), (answer["status"], answer["body"]))
        self.publish(server, type="last", partitionkey="k")
        seen = {event["type"]: event for event in self.seen(server, 2)}
        self.assertEqual(("7", "/shop", "Euro \u20ac", "hello", "text/plain"),
                         tuple(seen["order.created"][key] for key in ("id", "source", "more", "data", "datacontenttype")))

    def test_events_of_one_key_come_in_order(self):
        server = self.start(self.make(), "--workers", "2")
        self.subscribe(server, "all", "*", "note")
        for n in range(12):
            self.publish(server, type="step", data=n, partitionkey="k")
        self.assertEqual(list(range(12)), [event["data"] for event in self.seen(server, 12)])

    def test_what_was_acknowledged_is_delivered_after_a_kill(self):
        project = self.make()
        server = self.start(project)
        self.subscribe(server, "hot", "fire", "burn", retry={"attempts": 100, "first_delay": "1s", "factor": 1})
        for n in range(5):
            self.publish(server, type="fire", data=n)
        server.signal(signal.SIGKILL)
        server.wait()
        server = self.start(project)
        self.ask(server, "PUT", "/v1/kv/water", body=True)
        self.assertEqual(set(range(5)), {event["data"] for event in self.seen(server, 5)})

    def test_events_of_one_key_come_again_in_order_after_kills(self):
        project, keys, each = self.make(), ("a", "b", "c"), 40
        server = self.start(project, "--workers", "2")
        self.subscribe(server, "all", "step", "note")
        for n in range(each):
            for key in keys:
                self.publish(server, type="step", data=n, partitionkey=key)
        for kill in range(3):
            seen = len(self.all_seen(server))
            self.wait_until(lambda: len(self.all_seen(server)) >= min(seen + 10, each * len(keys)))
            server.signal(signal.SIGKILL)
            server.wait()
            server = self.start(project, "--workers", "2")
        self.wait_until(lambda: self.ask(server, "GET", "/v1/subscriptions/all")["body"]["lag"] == 0)
        events = self.all_seen(server)
        for key in keys:
            steps = [event["data"] for event in events if event["partitionkey"] == key]
            self.assertEqual(set(range(each)), set(steps))
            back = [(a, b) for a, b in zip(steps, steps[1:]) if b != a + 1]
            self.assertTrue(all(b <= a for a, b in back), steps)  # none is passed over
            self.assertLessEqual(len(back), 3, steps)  # and they go back by kills alone

    def test_what_keeps_failing_is_a_dead_letter_that_can_be_replayed_or_dropped(self):
        server = self.start(self.make())
        self.subscribe(server, "hot", "fire", "burn", retry={"attempts": 2, "first_delay": "10ms"})
        for n in range(2):
            self.publish(server, type="fire", data=n)
        letters = self.wait_until(
            lambda: len(self.ask(server, "GET", "/v1/dead-letters")["body"]["items"]) == 2 and
            self.ask(server, "GET", "/v1/dead-letters", query={"subscription": "hot"})["body"]["items"])
        self.assertEqual(("hot", 2, "fire"), (letters[0]["subscription"], letters[0]["attempts"], letters[0]["event"]["type"]))
        self.assertIn("unreachable", letters[0]["error"])
        self.ask(server, "PUT", "/v1/kv/water", body=True)
        self.assertEqual(204, self.ask(server, "POST", "/v1/dead-letters/%s/replay" % letters[0]["id"])["status"])
        self.assertEqual(204, self.ask(server, "DELETE", "/v1/dead-letters/%s" % letters[1]["id"])["status"])
        self.assertEqual(404, self.ask(server, "DELETE", "/v1/dead-letters/%s" % letters[1]["id"])["status"])
        self.assertEqual(letters[0]["event"]["data"], self.seen(server, 1)[0]["data"])
        self.assertEqual([], self.ask(server, "GET", "/v1/dead-letters")["body"]["items"])

    def test_what_a_function_is_missing_for_is_a_dead_letter(self):
        server = self.start(self.make())
        self.subscribe(server, "gone", "fire", "nobody", retry={"attempts": 1})
        self.publish(server, type="fire")
        [letter] = self.wait_until(lambda: self.ask(server, "GET", "/v1/dead-letters")["body"]["items"])
        self.assertEqual('the project has no function "nobody"', letter["error"])
        self.subscribe(server, "gone", "fire", "note")  # or it is deployed
        self.assertEqual(204, self.ask(server, "POST", "/v1/dead-letters/%s/replay" % letter["id"])["status"])
        self.assertEqual(letter["event"], self.seen(server, 1)[0])

    def test_a_subscription_that_is_made_anew_gets_nothing_of_the_one_before(self):
        project, once, often = self.make(), {"attempts": 1}, {"attempts": 100, "first_delay": "1s", "factor": 1}
        server = self.start(project)
        self.subscribe(server, "dead", "fire", "burn", retry=once)
        self.subscribe(server, "hot", "fire", "burn", retry=often)
        for n in range(5):
            self.publish(server, type="fire", data="before")
        letters = self.wait_until(lambda: (lambda items: len(items) == 5 and items)(
            self.ask(server, "GET", "/v1/dead-letters")["body"]["items"]))
        for name in ("dead", "hot"):
            self.assertEqual(204, self.ask(server, "DELETE", "/v1/subscriptions/" + name)["status"])
        server.signal(signal.SIGKILL)  # what waited may be there still
        server.wait()
        server = self.start(project)
        self.ask(server, "PUT", "/v1/kv/water", body=True)
        self.subscribe(server, "dead", "fire", "burn", retry=once)
        self.subscribe(server, "hot", "fire", "burn", retry=often)
        self.assertEqual([], self.ask(server, "GET", "/v1/dead-letters")["body"]["items"])
        for letter in letters:
            self.assertEqual(404, self.ask(server, "POST", "/v1/dead-letters/%s/replay" % letter["id"])["status"])
        self.publish(server, type="fire", data="after")
        self.assertEqual(["after"] * 2, [event["data"] for event in self.seen(server, 2)])
        self.wait_until(lambda: all(each["lag"] == 0 for each in self.ask(server, "GET", "/v1/subscriptions")["body"]["subscriptions"]))
        self.seen(server, 2)

    def test_a_loop_of_events_ends(self):
        server = self.start(self.make())
        self.subscribe(server, "loop", "loop", "echo")
        self.publish(server, type="loop")
        self.seen(server, 16)
        self.wait_until(lambda: self.ask(server, "GET", "/v1/subscriptions/loop")["body"]["lag"] == 0)
        self.seen(server, 16)

    def test_what_is_no_event_is_refused(self):
        server = self.start(self.make())
        for body in ({}, {"type": ""}, {"type": "a", "time": "today"}, {"type": "a", "Bad": "x"},
                     {"type": "a", "data": 1, "data_base64": "AA=="}, {"type": "a", "specversion": "0.3"}):
            self.assertEqual(400, self.ask(server, "POST", "/v1/events", body=body)["status"], body)
        answer = self.ask(server, "PUT", "/v1/subscriptions/x", body={"topic": "a?", "function": "note"})
        self.assertEqual(400, answer["status"])


class Schedules(Base):
    def create(self, server, **schedule):
        return self.ask(server, "POST", "/v1/schedules", body=schedule)

    def test_a_schedule_runs_its_function_again_and_again(self):
        server = self.start(self.make())
        answer = self.create(server, name="often", function="note", every="1s", input={"n": 1})
        self.assertEqual((201, "often", False), (answer["status"], answer["body"]["name"], answer["body"]["is_paused"]))
        self.wait_until(lambda: len(self.all_seen(server)) >= 2)
        self.assertEqual({1}, {given["n"] for given in self.all_seen(server)})
        self.assertEqual(409, self.create(server, name="often", function="note", every="1s")["status"])
        self.assertEqual(204, self.ask(server, "DELETE", "/v1/schedules/often")["status"])
        self.assertEqual(404, self.ask(server, "GET", "/v1/schedules/often")["status"])

    def test_what_is_to_be_done_once_is_done_after_a_kill(self):
        project = self.make()
        server = self.start(project)
        answer = self.create(server, function="note", at=now(3), input="later")
        self.assertEqual(201, answer["status"], answer)
        server.signal(signal.SIGKILL)
        server.wait()
        server = self.start(project)
        self.assertEqual(["later"], self.seen(server, 1))
        self.wait_until(lambda: self.ask(server, "GET", "/v1/schedules")["body"]["schedules"] == [])

    def test_a_schedule_rests_and_goes_on_and_runs_besides(self):
        server = self.start(self.make())
        self.create(server, name="yearly", function="note", cron="0 0 1 1 *", timezone="Europe/Berlin", input=7)
        found = self.ask(server, "GET", "/v1/schedules/yearly")["body"]
        self.assertRegex(found["next_at"], r"^\d{4}-12-31T23:00:00.000Z$")
        started = self.ask(server, "POST", "/v1/schedules/yearly/run")
        self.assertEqual(202, started["status"])
        run = "/v1/runs/" + started["body"]["id"]
        self.wait_until(lambda: self.ask(server, "GET", run)["body"]["status"] == "done")
        self.assertEqual("note", self.ask(server, "GET", run)["body"]["function"])
        self.assertEqual([7], self.seen(server, 1))
        self.assertTrue(self.ask(server, "POST", "/v1/schedules/yearly/pause")["body"]["is_paused"])
        self.assertNotIn("next_at", self.ask(server, "GET", "/v1/schedules/yearly")["body"])
        resumed = self.ask(server, "POST", "/v1/schedules/yearly/resume")["body"]
        self.assertEqual((False, found["next_at"]), (resumed["is_paused"], resumed["next_at"]))

    def test_schedules_are_listed_in_pages(self):
        server = self.start(self.make())
        for name in ("b", "a", "c"):
            self.create(server, name=name, function="note", cron="@yearly")
        page = self.ask(server, "GET", "/v1/schedules", query={"limit": "2"})["body"]
        self.assertEqual(["a", "b"], [each["name"] for each in page["schedules"]])
        page = self.ask(server, "GET", "/v1/schedules", query={"cursor": page["cursor"]})["body"]
        self.assertEqual(["c"], [each["name"] for each in page["schedules"]])
        self.assertNotIn("cursor", page)

    def test_what_is_no_schedule_is_refused(self):
        server = self.start(self.make())
        for schedule, words in (({"cron": "61 * * * *"}, "minute is"), ({}, "has none of cron, every and at"),
                                ({"every": "1s", "at": now()}, "several"), ({"cron": "* * * * *", "timezone": "X"}, "time zone"),
                                ({"every": "1ms"}, "at least 1000 ms")):
            answer = self.create(server, function="note", **schedule)
            self.assertEqual(400, answer["status"], schedule)
            self.assertIn(words, json.dumps(answer["body"]))


if __name__ == "__main__":
    support.main()
