"""examples/shop, served: what its README shows, the page, and who may order."""

import json
import os
import re
import shlex

import calling
import support

EXAMPLE = os.path.join(os.environ["UBIQ_SOURCE"], "examples", "shop")


class Shop(calling.Test):
    def serve_shop(self):
        """The example with the module that the build of guests has made."""
        with open(os.path.join(EXAMPLE, "ubiq.toml"), encoding="utf-8") as file:
            text = re.sub(r"^build = .*\n", "", file.read(), flags=re.M)
        text = re.sub(r'^wasm = .*', 'wasm = "%s"' % self.guest("shop"), text, flags=re.M)
        text = text.replace('folder = "public"', 'folder = "%s"' % os.path.join(EXAMPLE, "public"))
        return self.start(self.project(text=text))

    def order(self, server, order, key="demo"):
        headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
        status, headers, body = server.request("POST", "/api/orders", json.dumps(order), headers)
        return status, headers, json.loads(body)

    def test_what_the_readme_shows_is_what_comes(self):
        server = self.serve_shop()
        with open(os.path.join(EXAMPLE, "README.md"), encoding="utf-8") as file:
            shown = re.findall(r"^    \$ curl (.*)\n    (.*)$", file.read(), re.M)
        self.assertEqual(3, len(shown))
        for command, answer in shown:
            words = shlex.split(command)
            headers = dict(words[i + 1].split(": ") for i, word in enumerate(words) if word == "-H")
            body = words[words.index("--json") + 1] if "--json" in words else None
            if body:
                headers["Content-Type"] = "application/json"
            path = words[-1].replace("http://127.0.0.1:8080", "")
            self.assertEqual(answer, server.request("POST" if body else "GET", path, body, headers)[2].decode())

    def test_only_those_who_are_known_order(self):
        server = self.serve_shop()
        self.assertEqual(401, self.order(server, {"id": "tea"}, key=None)[0])
        self.assertEqual(401, self.order(server, {"id": "tea"}, key="Demo")[0])
        status, headers, answer = self.order(server, {"id": "pot"})
        self.assertEqual((201, "/api/products/pot", "demo", 2400), (status, headers["Location"], answer["buyer"], answer["cents"]))

    def test_what_cannot_be_ordered_is_told(self):
        server = self.serve_shop()
        for order, status, detail in (({"id": "tee"}, 404, "no product"), ({"id": "tea", "quantity": 0}, 400, "quantity"), ({}, 400, "missing field")):
            answer = self.order(server, order)
            self.assertEqual(status, answer[0])
            self.assertIn(detail, answer[2]["detail"])
        self.assertEqual(413, self.order(server, {"id": "x" * 5000})[0])
        self.assertEqual(400, server.request("GET", "/api/products?under=a")[0])

    def test_the_page_is_there(self):
        status, headers, body = self.serve_shop().request("GET", "/")
        self.assertEqual((200, "text/html; charset=utf-8"), (status, headers["Content-Type"]))
        self.assertIn(b"/api/products", body)


if __name__ == "__main__":
    support.main()
