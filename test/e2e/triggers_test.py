"""Schedules and events that ubiq.toml says: they run, they change with it, and they end with it."""

import json
import signal

import events_test
import support
from support import function


class Triggers(events_test.Base):
    def text(self, *triggers):
        functions = [function(name, "POST /" + name, permissions='["*"]') for name in ("relay", *events_test.NAMES)]
        return '[project]\nname = "test"\n' + "".join(functions) + "".join("\n" + each + "\n" for each in triggers)

    def schedule(self, name="often", **keys):
        return "[[functions.note.schedules]]\nname = %s\n" % json.dumps(name) + "".join(
            "%s = %s\n" % (key, json.dumps(value)) for key, value in keys.items())

    def subscription(self, topic):
        return '[[functions.note.events]]\ntopic = "%s"' % topic

    def make(self, *triggers):
        return self.project(text=self.text(*triggers), files={"guest.c": events_test.GUEST})

    def schedules(self, server):
        return {each["name"]: each for each in self.ask(server, "GET", "/v1/schedules")["body"]["schedules"]}

    def inputs(self, server):
        return self.all_seen(server)

    def test_a_schedule_of_the_file_runs_and_goes_on_after_a_kill(self):
        project = self.make(self.schedule(every="1s", input="tick"))
        server = self.start(project)
        self.wait_until(lambda: self.inputs(server) and True)
        server.signal(signal.SIGKILL)
        server.wait()
        server = self.start(project)
        before = len(self.inputs(server))
        self.wait_until(lambda: len(self.inputs(server)) > before)
        self.assertEqual({"tick"}, set(self.inputs(server)))

    def test_a_subscription_of_the_file_is_told_and_is_not_for_the_api_to_change(self):
        server = self.start(self.make(self.subscription("order.*")))
        self.publish(server, type="order.created", data=1)
        self.assertEqual(1, self.seen(server, 1)[0]["data"])
        put = self.ask(server, "PUT", "/v1/subscriptions/note", body={"topic": "*", "function": "note"})
        self.assertEqual((409, 409), (put["status"], self.ask(server, "DELETE", "/v1/subscriptions/note")["status"]))

    def test_what_changes_in_the_file_changes_while_it_is_served(self):
        project = self.make(self.schedule(cron="@yearly"), self.schedule(name="other", cron="@yearly"), self.subscription("a"))
        server = self.start(project, command="dev")
        server.wait_for("  curl -d Ada http")
        kept = self.schedules(server)["other"]
        self.assertEqual(409, self.ask(server, "DELETE", "/v1/schedules/other")["status"])
        self.save(server, project, self.schedule(every="1s", input=7), self.schedule(name="other", cron="@yearly"), self.subscription("b"))
        self.wait_until(lambda: 7 in self.inputs(server))
        self.assertEqual(kept, self.schedules(server)["other"])
        self.assertEqual("b", self.ask(server, "GET", "/v1/subscriptions/note")["body"]["topic"])
        self.save(server, project)
        self.assertEqual({}, self.schedules(server))
        self.assertEqual(404, self.ask(server, "GET", "/v1/subscriptions/note")["status"])

    def save(self, server, project, *triggers):
        seen = len(server.lines)
        self.write(project, "ubiq.toml", self.text(*triggers))
        server.wait_for("reloaded in", seen)

    def test_one_of_the_apis_under_its_name_stays(self):
        project = self.make()
        server = self.start(project)
        self.assertEqual(201, self.ask(server, "POST", "/v1/schedules", body={"name": "often", "function": "note", "cron": "@yearly"})["status"])
        self.assertEqual(0, server.stop())
        self.write(project, "ubiq.toml", self.text(self.schedule(every="1s")))
        server = self.start(project)
        server.wait_for("schedules.often is left out")
        self.assertEqual("@yearly", self.schedules(server)["often"]["cron"])
        self.assertEqual(204, self.ask(server, "DELETE", "/v1/schedules/often")["status"])
        self.assertEqual(0, server.stop())
        self.assertEqual("1s", self.schedules(self.start(project))["often"]["every"])


if __name__ == "__main__":
    support.main()
