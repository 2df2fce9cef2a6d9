"""What functions may ask services for: by ubiq.toml, by those who call them, and by the operator."""

import json
import os
import subprocess

import deploying
import support
from support import UBIQ, function


def relay(name, *permissions):
    return function(name, "POST /" + name, export='"relay"', permissions=json.dumps(permissions))


def put(key):
    return {"method": "PUT", "path": "/v1/kv/" + key, "body": 1}


def call(name, request):
    return {"method": "POST", "path": "/v1/functions/%s/runs" % name, "body": request}


class Permissions(deploying.Test):
    def serve(self, *functions, **more):
        return self.start(self.project(*functions, files={"guest.c": support.RELAY}), **more)

    def ask(self, server, name, request):
        status, _, answer = server.request("POST", "/" + name, json.dumps(request))
        self.assertEqual(200, status, answer)
        return json.loads(answer)

    def test_what_is_not_asked_for_is_denied_in_words_to_paste(self):
        server = self.serve(relay("a"), relay("b", "kv:write:b*", "kv:list:b*"))
        answer = self.ask(server, "a", put("b1"))
        self.assertEqual((403, "denied"), (answer["status"], answer["body"]["class"]))
        self.assertIn('permissions = ["kv:write:b1"]', answer["body"]["detail"])
        server.wait_for("a was denied kv:write:b1")
        self.assertEqual(204, self.ask(server, "a", {"method": "POST", "path": "/v1/log", "body": {"message": "x"}})["status"])
        self.assertEqual(200, self.ask(server, "b", put("b1"))["status"])
        self.assertEqual(403, self.ask(server, "b", put("c"))["status"])
        self.assertEqual(403, self.ask(server, "b", {"method": "GET", "path": "/v1/kv/b1"})["status"])
        listed = {"method": "GET", "path": "/v1/kv", "query": {"prefix": "b"}}
        self.assertEqual(200, self.ask(server, "b", listed)["status"])
        self.assertEqual(403, self.ask(server, "b", {**listed, "query": {}})["status"])

    def test_each_key_of_a_batch_is_asked_for(self):
        server = self.serve(relay("a", "kv:write:b*"))
        batch = [{"op": "put", "key": "b1", "value": 1}, {"op": "put", "key": "c", "value": 1}]
        answer = self.ask(server, "a", {"method": "POST", "path": "/v1/kv", "body": {"operations": batch}})
        self.assertEqual(403, answer["status"])
        self.assertIn("operations[1]", answer["body"]["detail"])
        self.assertIn("kv:write:c", answer["body"]["detail"])

    def test_what_services_ask_for_themselves_is_denied_too(self):
        server = self.serve(relay("a", "functions:call:other"), relay("strong", "storage:*"))
        begun = self.ask(server, "strong", {"method": "POST", "path": "/v1/uploads", "query": {"path": "p"}})
        upload = "/v1/uploads/" + begun["body"]["upload"]
        asked = [("POST", "/v1/events", {"type": "order.x"}, "events:publish:order.x"),
                 ("POST", "/v1/http", {"url": "http://example.com/x"}, "http:get:example.com/x"),
                 ("POST", "/v1/kv", {"operations": [{"op": "check", "key": "k", "if_version": 1}]}, "kv:read:k"),
                 ("POST", "/v1/schedules", {"name": "n", "function": "a", "every": "1h"}, "schedules:write:n"),
                 ("POST", "/v1/schedules", {"function": "a", "every": "1h"}, "schedules:write:s-*"), ("GET", "/v1/runs/0123", None, "functions:runs"),
                 ("PUT", upload, {"part": 1}, "storage:write:p"), ("POST", upload + "/finish", None, "storage:write:p"),
                 ("DELETE", upload, None, "storage:write:p")]
        for method, path, body, missing in asked:
            request = {"method": method, "path": path, **({} if body is None else {"body": body})}
            if method == "PUT":
                request["query"] = {"offset": "0"}
            answer = self.ask(server, "a", request)
            self.assertEqual(403, answer["status"], (request, answer))
            self.assertIn('permissions = ["%s"]' % missing, answer["body"]["detail"])
        self.assertEqual(204, self.ask(server, "strong", {"method": "DELETE", "path": upload})["status"])

    def test_a_function_gets_no_further_by_asking_another(self):
        server = self.serve(relay("weak", "functions:call:*"), relay("strong", "kv:*"), relay("both", "functions:call:strong", "kv:*"))
        answer = self.ask(server, "weak", call("strong", put("a")))
        self.assertEqual((200, 403), (answer["status"], answer["body"]["status"]))
        self.assertIn("weak may not", answer["body"]["body"]["detail"])
        answer = self.ask(server, "both", call("strong", put("a")))
        self.assertEqual((200, 200), (answer["status"], answer["body"]["status"]))
        answer = self.ask(server, "strong", call("both", put("a")))
        self.assertEqual(403, answer["status"])

    def test_a_run_that_nobody_waits_for_may_no_more_than_who_began_it(self):
        server = self.serve(relay("weak", "functions:*"), relay("strong", "kv:*"))
        answer = self.ask(server, "weak", {**call("strong", put("a")), "query": {"wait": "false"}})
        self.assertEqual(202, answer["status"], answer)
        server.wait_for("weak was denied kv:write:a")

    def test_a_bundle_is_granted_what_stays_within_its_project(self):
        def bundle(*permissions):
            project = self.project(relay("a", *permissions), files={"guest.c": support.RELAY})
            path = os.path.join(project, "a.ubiq")
            subprocess.run([UBIQ, "build", project, "--output", path], check=True, stdout=subprocess.DEVNULL)
            return path
        server = self.start(bundle("kv:*", "storage:read:a/*"))
        server.stop()
        done = subprocess.run([UBIQ, "serve", bundle("http:get:a.example"), "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, timeout=support.PATIENCE)
        self.assertEqual(77, done.returncode, done.stderr)
        self.assertIn("--allow 'http:get:a.example'", done.stderr)
        self.start(bundle("http:get:a.example/v1/*"), "--allow", "http:*:*.example").stop()

    def test_what_is_used_and_denied_is_shown(self):
        server = self.launch()
        environment = {**os.environ, "UBIQ_ADMIN": server.admin, "UBIQ_TOKEN": server.token}

        def ubiq(*arguments):
            return subprocess.run([UBIQ, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=support.PATIENCE).stdout
        project = self.project(relay("a", "kv:write:b*", "kv:read:b*"), relay("idle"), files={"guest.c": support.RELAY})
        ubiq("deploy", project)
        self.assertEqual(200, self.ask(server, "a", put("b"))["status"])
        self.assertEqual(403, self.ask(server, "a", put("c"))["status"])
        rows = [line.split(None, 1) for line in ubiq("permissions", "a").splitlines()[1:]]
        self.assertEqual([["kv:write:b*", "granted, used"], ["kv:read:b*", "granted, unused"], ["kv:write:c", "denied"]],
                         [[name, state.strip()] for name, state in rows])
        self.assertEqual(1, json.loads(ubiq("permissions", "a", "--json"))["denials"])
        self.assertIn("asked for nothing else", ubiq("permissions", "idle"))
        self.assertIn('there is no function "nobody"; see `ubiq functions`', ubiq("permissions", "nobody"))


if __name__ == "__main__":
    support.main()
