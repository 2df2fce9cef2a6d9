"""Pages of other origins: what browsers are told about a function's answers."""

import support
from support import function

PAGE = "https://app.example.com"
CORS = '{ origins = ["%s", "https://*.example.org"], headers = ["x-token"], expose = ["x-total"], max_age = "10m" }' % PAGE


class CrossOrigin(support.Test):
    def allowed(self, answer):
        return {name[21:].lower(): value for name, value in answer[1].items() if name.startswith("Access-Control-Allow-")}

    def preflight(self, server, path, method, origin=PAGE, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return server.request("OPTIONS", path, headers={"Origin": origin, "Access-Control-Request-Method": method, **headers})

    def test_answers_say_who_may_read_them(self):
        server = self.serve(function("hello", "POST /hello", cors=CORS))
        answer = server.request("POST", "/hello", b"a", {"Origin": PAGE})
        self.assertEqual({"origin": PAGE}, self.allowed(answer))
        self.assertEqual(("x-total", "Origin"), (answer[1]["Access-Control-Expose-Headers"], answer[1]["Vary"]))
        self.assertEqual("https://a.example.org",
                         self.allowed(server.request("POST", "/hello", b"a", {"Origin": "https://a.example.org"}))["origin"])
        for origin in ("https://example.org", "http://a.example.org", "https://evil.com", "null", "https://aexample.org",
                       "https://evil.com/.example.org", "https://evil.com?.example.org"):
            answer = server.request("POST", "/hello", b"a", {"Origin": origin})
            self.assertEqual((200, {}, "Origin"), (answer[0], self.allowed(answer), answer[1]["Vary"]), origin)

    def test_failures_say_it_as_well(self):
        server = self.serve(function("fail", "POST /fail", cors=CORS, body_max='"1KiB"'))
        for body, status in ((b"", 500), (b"x" * 2000, 413)):
            answer = server.request("POST", "/fail", body, {"Origin": PAGE})
            self.assertEqual((status, {"origin": PAGE}), (answer[0], self.allowed(answer)))

    def test_a_preflight_is_answered_for_the_method_that_it_asks_for(self):
        server = self.serve(function("hello", "POST /hello", cors=CORS), function("echo", "PUT /hello"))
        answer = self.preflight(server, "/hello", "POST", Access_Control_Request_Headers="x-token")
        self.assertEqual((204, {"origin": PAGE, "methods": "POST", "headers": "x-token"}), (answer[0], self.allowed(answer)))
        self.assertEqual("600", answer[1]["Access-Control-Max-Age"])
        self.assertEqual({}, self.allowed(self.preflight(server, "/hello", "PUT")))
        self.assertEqual({}, self.allowed(self.preflight(server, "/hello", "POST", origin="https://evil.com")))
        self.assertEqual(404, self.preflight(server, "/nothing", "POST")[0])

    def test_a_function_for_any_method_does_not_see_preflights(self):
        server = self.serve(function("hello", "/hello", cors=CORS))
        self.assertEqual(b"", self.preflight(server, "/hello", "DELETE")[2])
        self.assertEqual(b"Hello, !", server.request("OPTIONS", "/hello")[2])

    def test_the_project_says_it_for_all_and_a_function_for_itself(self):
        server = self.serve('[cors]\norigins = ["*"]\nheaders = ["*"]\n', function("hello", "POST /hello"),
                            function("echo", "POST /echo", cors='{ origins = ["%s"], credentials = true }' % PAGE))
        answer = self.preflight(server, "/hello", "POST", "https://any.one", Access_Control_Request_Headers="a, b")
        self.assertEqual({"origin": "*", "methods": "POST", "headers": "a, b"}, self.allowed(answer))
        answer = server.request("POST", "/echo", b"", {"Origin": PAGE})
        self.assertEqual({"origin": PAGE, "credentials": "true"}, self.allowed(answer))

    def test_nonsense_is_refused_with_its_place(self):
        for cors, message in (('{ origins = ["https://a/b"] }', 'functions.hello.cors.origins[0] is "https://a/b"; expected an origin'),
                              ('{ headers = ["x"] }', "functions.hello.cors does not say whose pages may"),
                              ('{ origins = ["*"], credentials = true }', 'has "credentials" beside the origin "*"'),
                              ('{ origins = ["*"], headers = ["a b"] }', "functions.hello.cors.headers[0] is")):
            result = self.run_ubiq("serve", self.project(function("hello", "/", cors=cors)))
            self.assertEqual(65, result.returncode)
            self.assertIn(message, result.stderr)


if __name__ == "__main__":
    support.main()
