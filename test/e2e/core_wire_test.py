"""Functions with `wire = "core"`: modules without the kernel."""

import json

import support
from support import function

# Answers what it is asked for by the name of the operation.
CORE = r"""
#include <stdint.h>
#define EXPORT(name) __attribute__((export_name(name)))

static char room[1 << 20], answer[1 << 20];
static int calls;

EXPORT("ubiq_alloc") char *ubiq_alloc(uint32_t size) { return size <= sizeof room ? room : 0; }
EXPORT("ubiq_free") void ubiq_free(char *place, uint32_t size) { (void)place, (void)size; }

static uint32_t append(uint32_t at, const char *text, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) answer[at++] = text[i];
  return at;
}
#define APPEND(at, text) append(at, text, sizeof text - 1)

EXPORT("ubiq_handle") uint64_t ubiq_handle(uint32_t format, const char *op, uint32_t op_size, const char *in, uint32_t size) {
  uint32_t at = 0;
  char number = (char)('0' + ++calls);
  if (format != 0 || op_size == 0) __builtin_trap();
  if (op[0] == 'l') return (uint64_t)0xffffffff << 32 | 16;
  at = op[0] == 'f' ? APPEND(at, "{\"error\":{\"message\":") : APPEND(at, "{\"ok\":");
  at = op[0] == 'c' ? append(at, &number, 1) : append(at, in, size);
  at = append(at, "}}", op[0] == 'f' ? 2 : 1);
  return (uint64_t)(uintptr_t)answer << 32 | at;
}
"""


def core(name, **more):
    return function(name, "/" + name, wire='"core"', **more).replace('"guest.c"', '"core.c"')


class CoreWire(support.Test):
    def start_all(self):
        directory = self.project(core("echo"), core("calls"), core("kept", export='"calls"', instance='"reuse"', pool="{ min = 0, max = 1 }"),
                                 core("fails"), core("lies"), core("whole", export='"echo"', input='"request"'),
                                 files={"core.c": CORE})
        return self.start(directory, "--workers", "1")

    def test_what_is_ok_is_the_body(self):
        server = self.start_all()
        status, headers, body = server.request("POST", "/echo", b' {"a": [1, "b"]} ')
        self.assertEqual((200, "application/json", b' {"a": [1, "b"]} '), (status, headers["Content-Type"], body))
        self.assertEqual(b'"%s"' % (b"x" * 100000), server.request("POST", "/echo", b'"%s"' % (b"x" * 100000))[2])

    def test_each_request_has_an_instance_unless_it_is_kept(self):
        server = self.start_all()
        self.assertEqual([b"1"] * 3, [server.request("POST", "/calls")[2] for _ in range(3)])
        self.assertEqual([b"1", b"2", b"3"], [server.request("POST", "/kept")[2] for _ in range(3)])

    def test_failures_have_their_classes(self):
        server = self.start_all()
        for path, body, expected in (("/fails", b'"no such shelf"', (500, "guest_error")), ("/fails", b"1", (502, "invalid_output")),
                                     ("/lies", b"", (502, "invalid_output")), ("/echo", b"{", (502, "invalid_output"))):
            status, _, answer = server.request("POST", path, body)
            self.assertEqual(expected, (status, json.loads(answer)["class"]), answer)
        self.assertIn("no such shelf", server.request("POST", "/fails", b'"no such shelf"')[2].decode())

    def test_an_answer_of_more_than_response_max_is_not_even_read(self):
        server = self.start(self.project(core("echo", response_max='"1KiB"'), files={"core.c": CORE}))
        self.assertEqual(b'"%s"' % (b"x" * 1000), server.request("POST", "/echo", b'"%s"' % (b"x" * 1000))[2])
        for body in (b'"%s"' % (b"x" * 1023), b'"%s"' % (b"x" * 2000), b"[" * 2000):  # the last is no JSON
            status, _, answer = server.request("POST", "/echo", body)
            self.assertEqual((502, "invalid_output"), (status, json.loads(answer)["class"]), answer)
            self.assertIn("expected at most 1024", answer.decode())

    def test_a_whole_request_is_answered_with_a_whole_answer(self):
        # The function answers with the request, which is no answer: the words say what was taken for one.
        status, _, answer = self.start_all().request("POST", "/whole", b"x")
        self.assertEqual((502, "invalid_output"), (status, json.loads(answer)["class"]), answer)

    def test_a_module_that_is_none_is_refused_before_it_is_served(self):
        directory = self.project(function("hello", "/hello", wire='"core"'))
        done = self.run_ubiq("serve", directory, "--listen", "127.0.0.1:0")
        self.assertNotEqual(0, done.returncode)
        self.assertIn("ubiq_alloc", done.stderr)


support.main()
