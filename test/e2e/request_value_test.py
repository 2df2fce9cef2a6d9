"""Functions with `input = "request"`: the whole request as a value, and the whole answer."""

import json

import support
from support import function


def mirror(route, **more):
    """A function that answers with the request's value as JSON."""
    return function("mirror", route, input='"request"', **more)


class Requests(support.Test):
    def value(self, *request):
        server = self.serve(mirror("/users/{id}/{rest...}"))
        status, headers, body = server.request(*request)
        self.assertEqual((200, "application/json"), (status, headers["Content-Type"]), body)
        return json.loads(body)

    def test_a_function_sees_method_path_parameters_query_and_headers(self):
        value = self.value("PUT", "/users/7%2F8/a/b%20c?tag=a&dry&tag=b+c%26", b"", {"X-One": "1", "x-Two": " 2 "})
        self.assertEqual(("PUT", "/users/7%2F8/a/b%20c"), (value["method"], value["path"]))
        self.assertEqual({"id": "7/8", "rest": "a/b c"}, value["params"])
        self.assertEqual({"tag": ["a", "b c&"], "dry": ""}, value["query"])
        self.assertEqual(("1", "2"), (value["headers"]["x-one"], value["headers"]["x-two"]))
        self.assertNotIn("body", value)

    def test_a_json_body_is_a_value(self):
        value = self.value("POST", "/users/1/", b'{"name": "Ada"}', {"Content-Type": "application/json"})
        self.assertEqual({"name": "Ada"}, value["body"])
        self.assertNotIn("encoding", value)

    def test_other_bodies_are_text_or_base64(self):
        value = self.value("POST", "/users/1/", b"Ada")
        self.assertEqual(("Ada", "utf8"), (value["body"], value["encoding"]))
        value = self.value("POST", "/users/1/", b"\xff\0")
        self.assertEqual(("/wA=", "base64"), (value["body"], value["encoding"]))

    def test_a_client_that_gets_it_wrong_is_told_where(self):
        server = self.serve(mirror("/users/{id}/{rest...}"))
        for path, body, detail in (("/users/1/", b'{"a": }', "body:1:7: "), ("/users/%ff/", b"", "is no UTF-8"),
                                   ("/users/1/?a=%ff", b"", 'the query\'s "a" is no UTF-8')):
            status, _, answer = server.request("POST", path, body, {"Content-Type": "application/json"})
            self.assertEqual((400, "invalid_input"), (status, json.loads(answer)["class"]), answer)
            self.assertIn(detail, json.loads(answer)["detail"])


class Answers(support.Test):
    """What the function answers comes with its config."""

    def answer(self, value, method="GET", **more):
        text = value if isinstance(value, str) else json.dumps(value)
        server = self.serve(function("configured", "/", input='"request"',
                                     config="{ greeting = %s }" % json.dumps(text), **more))
        return server.request(method, "/")

    def test_status_headers_and_body_are_the_functions(self):
        status, headers, body = self.answer({"status": 201, "headers": {"Location": "/9", "Set-Cookie": ["a=1", "b=2"]}})
        self.assertEqual((201, "/9", b""), (status, headers["Location"], body))
        self.assertEqual(["a=1", "b=2"], headers.get_all("Set-Cookie"))
        self.assertIsNone(headers["Content-Type"])

    def test_a_body_says_what_it_is(self):
        for value, type_, expected in (({"body": [1]}, "application/json", b"[1]"),
                                       ({"body": "hi", "encoding": "utf8"}, "text/plain; charset=utf-8", b"hi"),
                                       ({"body": "/wA=", "encoding": "base64"}, "application/octet-stream", b"\xff\0"),
                                       ({"body": "a", "encoding": "utf8", "headers": {"content-type": "text/x"}}, "text/x", b"a")):
            status, headers, body = self.answer(value)
            self.assertEqual((200, type_, expected), (status, headers["Content-Type"], body))

    def test_the_projects_content_type_wins_over_the_encodings(self):
        answer = self.answer({"body": "<p>", "encoding": "utf8"}, content_type='"text/html"')
        self.assertEqual("text/html", answer[1]["Content-Type"])

    def test_head_gets_the_headers_alone(self):
        status, headers, body = self.answer({"body": [1]}, method="HEAD")
        self.assertEqual((200, "3", b""), (status, headers["Content-Length"], body))

    def test_an_answer_that_may_not_be_is_told_as_the_functions_fault(self):
        for value, detail in (("hello", "answer:1:1: "), ({"status": 99}, "status is 99"),
                              ({"headers": {"Content-Length": "1"}}, "the server's to say"),
                              ({"headers": {"a": "b\r\nc: d"}}, "a header's value")):
            status, _, body = self.answer(value)
            self.assertEqual((502, "invalid_output"), (status, json.loads(body)["class"]))
            self.assertIn(detail, json.loads(body)["detail"])

    def test_headers_that_do_not_fit_beside_the_requests_are_told_as_the_functions_fault(self):
        code = '#include <ubiq/pdk.h>\nUBIQ_EXPORT(much) { return ubiq_output_string("{\\"headers\\":{\\"a\\":\\"%s\\"}}"); }\n'
        directory = self.project(function("much", "/", input='"request"'), files={"guest.c": code % ("b" * 10000)})
        server = self.start(directory, "--workers", "1")
        self.assertEqual((200, "b" * 10000), (lambda answer: (answer[0], answer[1]["a"]))(server.request("GET", "/")))
        status, _, body = server.request("GET", "/", headers={"c": "d" * 8000})
        self.assertEqual((502, "invalid_output"), (status, json.loads(body)["class"]))
        self.assertIn("headers have 10005 bytes", json.loads(body)["detail"])


support.main()
