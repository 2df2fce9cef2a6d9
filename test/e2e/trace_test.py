"""Traces across services: what a function is told of the trace that a request is part of, and what its own requests say."""

import json
import re

import support
from support import function

ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = "00-%s-%s-01" % (ID, PARENT)

# Asks for the URL that is its input, once as it comes and once with a traceparent of its own.
GUEST = r"""
#include <ubiq/pdk.h>

static int ask(const char *headers) {
  char url[256];
  size_t size = ubiq_input_size();
  if (size >= sizeof url) return ubiq_error_string("url: is too long");
  ubiq_input_read(url, size);
  url[size] = '\0';
  ubiq_http_response response = ubiq_http_request("GET", url, headers, NULL, 0);
  ubiq_http_close(&response);
  return ubiq_output_string("asked");
}
UBIQ_EXPORT(plain) { return ask("{\"x-other\":\"1\"}"); }
UBIQ_EXPORT(own) { return ask("{\"TraceParent\":\"my own\"}"); }
UBIQ_EXPORT(state) { return ask("{\"TraceState\":\"mine=1\"}"); }
UBIQ_EXPORT(bare) { return ask(NULL); }
"""


class Traces(support.Test):
    def launch(self):
        functions = [function(name, "POST /" + name, allowed_hosts='["127.0.0.1"]') for name in ("plain", "own", "state", "bare")]
        return self.start(self.project(*functions, files={"guest.c": GUEST}), "--workers", "1")

    def asked(self, server, url, name, header=None, **more):
        headers = {} if header is None else {"traceparent": header}
        headers.update(more)
        status, _, body = server.request("POST", "/" + name, url.encode(), headers)
        self.assertEqual((200, b"asked"), (status, body))

    def test_requests_of_a_function_say_its_span_as_their_parent(self):
        url, seen = self.listen()
        server = self.launch()
        for name in ("plain", "bare", "plain"):
            self.asked(server, url, name, HEADER)
        spans = [re.fullmatch("00-%s-([0-9a-f]{16})-01" % ID, headers["traceparent"]).group(1) for headers in seen]
        self.assertEqual(3, len(set(spans)))
        self.assertNotIn(PARENT, spans)
        self.assertEqual("1", seen[0]["x-other"])

    def test_a_tracestate_is_handed_on_beside_a_traceparent_that_counts(self):
        url, seen = self.listen()
        server = self.launch()
        self.asked(server, url, "plain", HEADER, tracestate="rojo=00f067aa0ba902b7, congo=t61rcWkgMzE,")
        self.asked(server, url, "plain", HEADER)
        self.asked(server, url, "plain", HEADER, tracestate="Not,well-formed")
        self.asked(server, url, "plain", "garbage", tracestate="rojo=1")
        self.asked(server, url, "own", HEADER, tracestate="rojo=1")
        self.asked(server, url, "state", HEADER, tracestate="rojo=1")
        self.assertEqual([["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"], None, None, None, None, ["mine=1"]],
                         [headers.get_all("tracestate") for headers in seen])
        self.assertEqual(6, len([headers for headers in seen if headers["traceparent"]]))

    def test_several_lines_of_a_tracestate_are_one_list(self):
        url, seen = self.listen()
        server = self.launch()
        connection = server.connect()
        connection.putrequest("POST", "/plain")
        for name, value in (("traceparent", HEADER), ("tracestate", "a=1"), ("TraceState", "b=2,c=3"),
                            ("Content-Length", str(len(url)))):
            connection.putheader(name, value)
        connection.endheaders(url.encode())
        self.assertEqual(b"asked", connection.getresponse().read())
        self.assertEqual(["a=1,b=2,c=3"], seen[0].get_all("tracestate"))

    def test_a_request_without_a_trace_or_with_a_malformed_one_begins_one(self):
        url, seen = self.listen()
        server = self.launch()
        connection = server.connect()
        malformed = [None, "", HEADER + "0", HEADER.upper(), "00-%s-%s-01" % (ID, "0" * 16), "garbage"]
        for header in malformed:
            connection.request("POST", "/plain", url, {} if header is None else {"traceparent": header})
            self.assertEqual(b"asked", connection.getresponse().read())
        traces = [re.fullmatch("00-([0-9a-f]{32})-[0-9a-f]{16}-00", headers["traceparent"]).group(1) for headers in seen]
        self.assertEqual(len(malformed), len(set(traces)))
        self.assertNotIn(ID, traces)

    def test_what_a_function_says_itself_stays(self):
        url, seen = self.listen()
        self.asked(self.launch(), url, "own", HEADER)
        self.assertEqual(["my own"], seen[0].get_all("traceparent"))

    def test_a_function_that_takes_requests_is_told_its_span(self):
        server = self.serve(function("mirror", "/", input='"request"'))
        values = [json.loads(server.request("GET", "/", None, headers)[2])
                  for headers in ({"traceparent": HEADER}, {"traceparent": HEADER}, {})]
        self.assertEqual(HEADER, values[0]["headers"]["traceparent"])
        for value in values[:2]:
            self.assertRegex(value["trace"], "^00-%s-[0-9a-f]{16}-01$" % ID)
        self.assertNotEqual(values[0]["trace"], values[1]["trace"])
        self.assertRegex(values[2]["trace"], "^00-[0-9a-f]{32}-[0-9a-f]{16}-00$")
        self.assertNotIn(ID, values[2]["trace"])


if __name__ == "__main__":
    support.main()
