"""Extism's own Python SDK (PyPI's extism on extism-sys) on our libextism.so in place of the one that it brings.

Every call of the SDK is used, and by extism_sys, on which it stands, those of the library that it does not reach.
scripts/setup --sdks brings the SDK; without it this test is skipped.
"""

import gc
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
import typing
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import support  # noqa: E402

SDK = os.path.join(support.DEPS, "sdk-python")


def place_library(folder):
    """Puts extism_sys together in `folder`: its own Python files, and our library under the name that they open."""
    package = os.path.join(folder, "extism_sys")
    shutil.copytree(os.path.join(SDK, "extism_sys"), package)
    os.symlink(os.path.join(support.LIBRARIES, "libextism.so"), os.path.join(package, "libextism_sys.so"))
    os.symlink(os.path.join(support.LIBRARIES, "libwasmtime.so"), os.path.join(package, "libwasmtime.so"))


if os.environ.get("UBIQ_SANITIZE"):
    support.skip("Python has no sanitizer's runtime")
if not os.path.isdir(SDK):
    support.skip("Extism's Python SDK is missing; scripts/setup --sdks brings it")
PACKAGES = tempfile.TemporaryDirectory()
place_library(PACKAGES.name)
sys.path[:0] = [PACKAGES.name, SDK]
try:
    import extism  # noqa: E402
    from extism.extism import CompiledPlugin, HOST_FN_REGISTRY  # noqa: E402
    from extism_sys import ffi, lib  # noqa: E402
except ImportError as error:
    support.skip("the SDK was fetched for another Python: %s" % error)

ValType = extism.ValType


def wasm(name):
    with open(support.guest(name), "rb") as file:
        return file.read()


def plugin_of(name, *functions, **options):
    return extism.Plugin(wasm(name), functions=list(functions), **options)


def from_json(buffer):
    return json.loads(bytes(buffer))


class Picklable:
    def __init__(self, word):
        self.word = word


class Loading(unittest.TestCase):
    def check(self, plugin):
        self.assertEqual(3, json.loads(plugin.call("count_vowels", "hello world"))["count"])

    def test_bytes_of_wasm_are_a_plugin(self):
        self.check(plugin_of("count_vowels"))

    def test_a_path_is_a_plugin(self):
        self.check(extism.Plugin(support.guest("count_vowels"), functions=[]))

    def test_a_manifest_with_data_and_a_hash_is_a_plugin(self):
        data = wasm("count_vowels")
        self.check(extism.Plugin({"wasm": [{"data": data, "hash": hashlib.sha256(data).hexdigest()}]}, functions=[]))

    def test_a_manifest_as_a_string_of_json_is_a_plugin(self):
        self.check(extism.Plugin(json.dumps({"wasm": [{"path": support.guest("count_vowels")}]}), functions=[]))

    def test_a_manifest_with_a_url_is_a_plugin(self):
        server = support.Server()
        self.addCleanup(server.close)
        self.check(extism.Plugin({"wasm": [{"url": server.url + "count_vowels.wasm"}]}, functions=[]))

    def test_two_modules_are_linked(self):
        manifest = {"wasm": [{"path": support.guest("lib"), "name": "lib"}, {"path": support.guest("main")}]}
        self.assertTrue(extism.Plugin(manifest, functions=[]).function_exists("sum"))

    def test_a_wrong_hash_is_told(self):
        with self.assertRaisesRegex(extism.Error, "Hash mismatch"):
            extism.Plugin({"wasm": [{"data": wasm("echo"), "hash": "00" * 32}]}, functions=[])

    def test_a_bad_manifest_is_told(self):
        with self.assertRaises(extism.Error):
            extism.Plugin({"wasn": []}, functions=[])

    def test_a_missing_host_function_is_told(self):
        text = "unknown import: `extism:host/user::host_reverse` has not been defined"
        with self.assertRaisesRegex(extism.Error, text):
            plugin_of("host")

    def test_a_plugin_ends_with_its_block_and_only_once(self):
        with plugin_of("echo") as plugin:
            self.assertEqual(b"x", plugin.call("echo", "x"))
        self.assertEqual(-1, plugin.plugin)
        plugin.__del__()
        gc.collect()

    def test_the_version_is_that_of_the_library_replaced(self):
        self.assertEqual("1.41.0", extism.extism_version())


class Calling(unittest.TestCase):
    def test_input_is_text_or_bytes_and_output_what_parse_makes_of_it(self):
        plugin = plugin_of("echo")
        self.assertEqual(b"\0\xff", plugin.call("echo", b"\0\xff"))
        self.assertEqual("größe".encode(), plugin.call("echo", "größe"))
        self.assertEqual("text", plugin.call("echo", "text", parse=lambda data: bytes(data).decode()))
        self.assertEqual(b"raw", bytes(plugin.call("echo", "raw", parse=None)))
        self.assertEqual(b"", plugin.call("echo", b""))

    def test_a_megabyte_comes_back_whole(self):
        data = bytes(range(256)) * 4096
        self.assertEqual(data, plugin_of("echo").call("echo", data))

    def test_functions_can_be_asked_for(self):
        plugin = plugin_of("count_vowels")
        self.assertTrue(plugin.function_exists("count_vowels"))
        self.assertFalse(plugin.function_exists("count_consonants"))

    def test_ids_are_random_uuids(self):
        one, other = plugin_of("echo"), plugin_of("echo")
        self.assertEqual(4, one.id.version)
        self.assertNotEqual(one.id, other.id)

    def test_config_comes_from_the_manifest_and_from_the_plugin(self):
        manifest = {"wasm": [{"data": wasm("config")}], "config": {"a": "manifest", "b": "manifest"}}
        plugin = extism.Plugin(manifest, functions=[], config={"b": "plugin", "c": "plugin"})
        self.assertEqual([b"manifest", b"plugin", b"plugin"], [plugin.call("config", key) for key in "abc"])

    def test_config_with_none_takes_a_key_away(self):
        manifest = {"wasm": [{"data": wasm("config")}], "config": {"a": "1"}}
        plugin = extism.Plugin(manifest, functions=[], config={"a": None})
        with self.assertRaisesRegex(extism.Error, "the key is not set"):
            plugin.call("config", "a")

    def test_variables_are_kept_between_calls(self):
        plugin = plugin_of("count_vowels")
        totals = [json.loads(plugin.call("count_vowels", "aeiou"))["total"] for _ in range(3)]
        self.assertEqual([5, 10, 15], totals)

    def test_errors_are_the_guests_own_words(self):
        plugin = plugin_of("error")
        for function, words in (("fail", "^this function fails on purpose$"), ("fail_silently", "^Error code: 7$"),
                                ("nowhere", "^Function not found: nowhere$")):
            with self.assertRaisesRegex(extism.Error, words):
                plugin.call(function, b"")
        with self.assertRaises(extism.Error):
            plugin.call("trap_unreachable", b"")
        self.assertEqual(b"fine", plugin.call("error_cleared", b""), "a plugin goes on after errors")

    def test_plugins_written_in_rust_and_go_run(self):
        for name in ("rust_plugin", "rust_plugin_wasi", "go_echo"):
            if not os.path.exists(support.guest(name)):
                continue
            plugin = plugin_of(name, wasi=True)
            self.assertEqual(b"hello", plugin.call("echo", "hello"), name)
            with self.assertRaisesRegex(extism.Error, "the reason"):
                plugin.call("fail", "the reason")

    def test_http_goes_to_allowed_hosts_only(self):
        server = support.Server()
        self.addCleanup(server.close)
        manifest = {"wasm": [{"data": wasm("http")}], "allowed_hosts": ["127.0.0.1"]}
        plugin = extism.Plugin(manifest, functions=[])
        self.assertEqual(b"200\nhello from the server", plugin.call("get", server.url + "hello"))
        del manifest["allowed_hosts"]
        with self.assertRaises(extism.Error):
            extism.Plugin(manifest, functions=[]).call("get", server.url + "hello")


class Compiled(unittest.TestCase):
    def test_one_compiled_plugin_makes_many(self):
        compiled = CompiledPlugin(wasm("count_vowels"), functions=[])
        plugins = [extism.Plugin(compiled) for _ in range(3)]
        totals = [json.loads(plugin.call("count_vowels", "a"))["total"] for plugin in plugins]
        self.assertEqual([1, 1, 1], totals, "each has variables of its own")
        del compiled
        gc.collect()
        self.assertEqual(2, json.loads(plugins[0].call("count_vowels", "a"))["total"])

    def test_threads_share_one_compiled_plugin(self):
        @extism.host_fn(name="host_reverse")
        def reverse(text: str) -> str:
            return text[::-1]

        compiled, answers = CompiledPlugin(wasm("host"), functions=[reverse]), []

        def use():
            plugin = extism.Plugin(compiled)
            answers.extend(plugin.call("reverse", "thread") for _ in range(50))

        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([b"daerht"] * 400, answers)

    def test_a_compiled_plugin_that_cannot_be_is_told(self):
        with self.assertRaises(extism.Error):
            CompiledPlugin(b"\0asm nonsense", functions=[])


class HostFunctions(unittest.TestCase):
    def test_explicit_signatures_get_the_plugin_values_and_user_data(self):
        seen = []

        @extism.host_fn(name="host_reverse", signature=([ValType.PTR], [ValType.PTR]), user_data=b"<%s>")
        def reverse(plugin, params, results, user_data):
            seen.append((type(plugin), params[0].t, results[0].t))
            plugin.return_bytes(results[0], user_data.replace(b"%s", plugin.input_bytes(params[0])[::-1]))

        self.assertEqual(b"<cba>", plugin_of("host", reverse).call("reverse", "abc"))
        self.assertEqual([(extism.CurrentPlugin, ValType.I64, ValType.I64)], seen)
        self.assertEqual("reverse", reverse.__name__)

    def test_several_user_data_arrive_in_order(self):
        @extism.host_fn(name="host_reverse", user_data=[b"one", b"two"])
        def reverse(text: bytes, *user_data) -> bytes:
            return b" ".join((text,) + user_data)

        self.assertEqual(b"zero one two", plugin_of("host", reverse).call("reverse", "zero"))

    def test_types_are_inferred_from_annotations(self):
        @extism.host_fn()
        def host_describe(whole: int, real: float, flag: bool, text: str) -> typing.Annotated[list, extism.Json]:
            return [whole, real, flag, text]

        @extism.host_fn(namespace="sdk/names")
        def host_tag(text: str) -> str:
            return "#" + text

        plugin = plugin_of("sdk", host_describe, host_tag)
        self.assertEqual([-7, 2.5, 1, "input"], plugin.call("describe", "input", parse=from_json))
        self.assertEqual(b"#word", plugin.call("tag", "word"), "a function in a namespace of its own")

    def test_json_pickle_and_codecs_cross_the_border(self):
        @extism.host_fn(name="host_reverse")
        def of_json(value: typing.Annotated[dict, extism.Json]) -> typing.Annotated[dict, extism.Json]:
            return {"got": value["n"] + 1}

        @extism.host_fn(name="host_reverse")
        def of_pickle(value: typing.Annotated[Picklable, extism.Pickle]) -> typing.Annotated[Picklable, extism.Pickle]:
            return Picklable(value.word + " and back")

        @extism.host_fn(name="host_reverse")
        def of_codec(
            value: typing.Annotated[str, extism.Codec(lambda data: data.decode("utf-16"))],
        ) -> typing.Annotated[str, extism.Codec(lambda text: text.encode("latin-1"))]:
            return value.upper()

        self.assertEqual({"got": 42}, plugin_of("host", of_json).call("reverse", '{"n": 41}', parse=from_json))
        answer = plugin_of("host", of_pickle).call("reverse", pickle.dumps(Picklable("there")), parse=pickle.loads)
        self.assertEqual("there and back", answer.word)
        self.assertEqual("É".encode("latin-1"), plugin_of("host", of_codec).call("reverse", "é".encode("utf-16")))

    def test_every_type_of_value_crosses(self):
        def plus_one(name, type_):
            def function(plugin, params, results):
                results[0].value = params[0].value + 1
            return extism.host_fn(name=name, signature=([type_], [type_]))(function)

        calls = []

        @extism.host_fn(signature=([], []))
        def host_nothing(plugin, params, results):
            calls.append((params, results))

        @extism.host_fn(signature=([ValType.I32, ValType.I64, ValType.F32, ValType.F64], [ValType.F64]))
        def host_mixed(plugin, params, results):
            results[0].value = sum(param.value for param in params)

        @extism.host_fn(namespace="my/namespace", signature=([ValType.I64], [ValType.I32, ValType.F64]))
        def host_pair(plugin, params, results):
            results[0].value, results[1].value = params[0].value, params[0].value / 2

        # The SDK leaves results of floats out: it compares a number with an enumeration's member (_convert_output).
        plugin = plugin_of("host_types", plus_one("host_i32", ValType.I32), plus_one("host_i64", ValType.I64),
                           plus_one("host_f32", ValType.F32), plus_one("host_f64", ValType.F64), host_nothing,
                           host_mixed, host_pair)
        for name in ("call_i32", "call_i64", "call_nothing"):
            self.assertEqual(b"", plugin.call(name, b""), name)
        self.assertEqual([([], [])], calls)

    def test_memory_is_read_written_allocated_and_freed(self):
        @extism.host_fn(name="host_reverse", signature=([ValType.PTR], [ValType.PTR]))
        def reverse(plugin, params, results):
            source = plugin.memory_at_offset(params[0])
            self.assertEqual((3, source.offset), (len(source), plugin.memory_at_offset(params[0].value).offset))
            self.assertEqual((b"abc", b"abc", "abc"), (bytes(plugin.memory(source)), plugin.input_buffer(params[0])[:],
                                                       plugin.input_string(params[0])))
            scratch = plugin.alloc(1000)
            plugin.memory(scratch)[:] = b"s" * 1000
            plugin.free(scratch)
            self.assertEqual(0, len(plugin.memory_at_offset(scratch.offset)), "a freed block has no length")
            self.assertEqual(0, plugin.alloc(0).offset)
            target = plugin.alloc(5)
            plugin.memory(target)[:] = b"bytes"
            results[0].value = target.offset
            plugin.return_string(results[0], "größe")

        self.assertEqual("größe".encode(), plugin_of("host", reverse).call("reverse", "abc"))

    def test_the_host_context_is_that_of_the_call(self):
        @extism.host_fn(name="host_reverse")
        def reverse(plugin: extism.CurrentPlugin, text: str) -> str:
            return "%s for %s" % (text, plugin.host_context())

        plugin = plugin_of("host", reverse)
        self.assertEqual(b"x for one", plugin.call("reverse", "x", host_context="one"))
        self.assertEqual(b"x for ['two']", plugin.call("reverse", "x", host_context=["two"]))
        self.assertEqual(b"x for None", plugin.call("reverse", "x"))

    def test_functions_are_registered_with_their_names_and_types(self):
        @extism.host_fn(name="host_reverse")
        def reverse(text: str) -> str:
            return text[::-1]

        function = extism.Function(None, "other", [ValType.I64], [], reverse.f, b"data")
        self.assertEqual(("host_reverse", "other", [1]), (reverse.name, function.name, function.args))
        self.assertIn(reverse, HOST_FN_REGISTRY)


class Ending(unittest.TestCase):
    def test_a_timeout_ends_a_call(self):
        plugin = extism.Plugin({"wasm": [{"data": wasm("infinite")}], "timeout_ms": 100}, functions=[])
        for _ in range(2):
            with self.assertRaisesRegex(extism.Error, "^timeout$"):
                plugin.call("spin", b"")

    def test_another_thread_cancels_a_call(self):
        entered = threading.Event()

        @extism.host_fn(namespace="sdk/names")
        def host_tag(text: str) -> str:
            entered.set()
            return text

        @extism.host_fn()
        def host_describe(whole: int, real: float, flag: bool, text: str) -> str:
            return text

        plugin = plugin_of("sdk", host_tag, host_describe)
        handle = plugin.cancel_handle()
        thread = threading.Thread(target=lambda: entered.wait() and handle.cancel())
        thread.start()
        with self.assertRaisesRegex(extism.Error, "^timeout$"):
            plugin.call("tag_for_ever", b"")
        thread.join()
        self.assertEqual(b"again", plugin.call("describe", "again"), "a cancelled plugin can be called again")


class Logs(unittest.TestCase):
    """Logs are the process's, so each test has a process of its own."""

    def run_script(self, script):
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path[:2]), GUEST=support.guest("log"))
        done = subprocess.run([sys.executable, "-B", "-c", script], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=300)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout

    def test_a_file_takes_lines_from_a_level_on(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log.txt")
            self.run_script("import extism, os\nextism.set_log_file(%r, 'warn')\n"
                            "extism.Plugin(os.environ['GUEST'], functions=[]).call('all', b'')" % path)
            with open(path, encoding="utf-8") as file:
                text = file.read()
        self.assertIn("a warn message", text)
        self.assertIn("an error message", text)
        self.assertNotIn("an info message", text)

    def test_a_function_takes_the_kept_lines_when_they_are_drained(self):
        out = self.run_script("import extism, os\nlines = []\nlogger = extism.set_log_custom(lines.append, 'trace')\n"
                              "extism.Plugin(os.environ['GUEST'], functions=[]).call('all', b'')\n"
                              "before = len(lines)\nlogger.drain()\nprint(before, ''.join(lines))")
        self.assertTrue(out.startswith("0 "), "nothing is handed over before the drain")
        for level in ("a trace", "a debug", "an info", "a warn", "an error"):
            self.assertIn(level + " message", out)

    def test_the_default_level_is_error(self):
        out = self.run_script("import extism, os\nlines = []\nlogger = extism.set_log_custom(lines.append)\n"
                              "extism.Plugin(os.environ['GUEST'], functions=[]).call('all', b'')\n"
                              "logger.drain()\nprint(''.join(lines))")
        self.assertIn("an error message", out)
        self.assertNotIn("a warn message", out)


class Library(unittest.TestCase):
    """What extism_sys declares and the SDK does not reach."""

    def make(self, name, fuel=None, compiled=False):
        data, message = wasm(name), ffi.new("char **")
        limits = [] if fuel is None else [fuel]
        maker = "extism_%splugin_new%s" % ("compiled_" if compiled else "", "_with_fuel_limit" if limits else "")
        plugin = getattr(lib, maker)(data, len(data), ffi.NULL, 0, False, *limits, message)
        self.assertNotEqual(ffi.NULL, plugin)
        if compiled:
            made = lib.extism_plugin_new_from_compiled(plugin, message)
            lib.extism_compiled_plugin_free(plugin)
            plugin = made
        self.addCleanup(lib.extism_plugin_free, plugin)
        return plugin

    def call(self, plugin, function, data=b""):
        code = lib.extism_plugin_call(plugin, function, data, len(data))
        return code, bytes(ffi.buffer(lib.extism_plugin_output_data(plugin), lib.extism_plugin_output_length(plugin)))

    def test_fuel_ends_a_call_and_enough_of_it_does_not(self):
        for compiled in (False, True):
            plugin = self.make("infinite", 1_000_000, compiled)
            self.assertEqual((0, b"100"), self.call(plugin, b"turns", b"100"))
            self.assertNotEqual(0, self.call(plugin, b"spin")[0])
            self.assertEqual(b"plugin ran out of fuel", ffi.string(lib.extism_plugin_error(plugin)))
            self.assertEqual(b"plugin ran out of fuel", ffi.string(lib.extism_error(plugin)))

    def test_a_reset_takes_the_output_and_leaves_variables(self):
        plugin = self.make("count_vowels")
        self.assertEqual(0, self.call(plugin, b"count_vowels", b"aaa")[0])
        self.assertTrue(lib.extism_plugin_reset(plugin))
        self.assertEqual(4, json.loads(self.call(plugin, b"count_vowels", b"a")[1])["total"])

    def test_config_can_be_merged_and_must_be_an_object_of_strings(self):
        plugin = self.make("config")
        for text, good in ((b'{"a":"1"}', True), (b"[]", False), (b'{"a":1}', False)):
            self.assertEqual(good, lib.extism_plugin_config(plugin, text, len(text)), text)
        self.assertEqual((0, b"1"), self.call(plugin, b"config", b"a"))

    def test_headers_of_responses_are_there_once_they_are_allowed(self):
        server = support.Server()
        self.addCleanup(server.close)
        manifest = json.dumps({"wasm": [{"path": support.guest("http")}], "allowed_hosts": ["*"]}).encode()
        message = ffi.new("char **")
        plugin = lib.extism_plugin_new(manifest, len(manifest), ffi.NULL, 0, False, message)
        self.addCleanup(lib.extism_plugin_free, plugin)
        self.assertEqual((0, b"(none)"), self.call(plugin, b"headers", server.url.encode()))
        lib.extism_plugin_allow_http_response_headers(plugin)
        code, headers = self.call(plugin, b"headers", server.url.encode())
        self.assertEqual((0, "a test"), (code, json.loads(headers)["x-served-by"]))


if __name__ == "__main__":
    unittest.main()
