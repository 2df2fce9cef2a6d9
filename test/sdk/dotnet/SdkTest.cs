// A C# program over P/Invoke on our libextism.so: every function of the library, with delegates as host functions.
using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using System.Threading;
using static LibExtism;

static class SdkTest {
  static readonly Function[] None = {};
  static readonly ValType[] Block = {ValType.I64}, Nothing = {};
  static int passed, failed;

  static void Test(string name, Action body) {
    try {
      body();
      passed++;
    } catch (Exception thrown) {
      failed++;
      Console.WriteLine("FAILED {0}: {1}", name, thrown);
    }
  }

  static void Equal(object expected, object actual) {
    if (!Equals(expected, actual)) throw new Exception(string.Format("expected <{0}>, got <{1}>", expected, actual));
  }

  static int Fails(string text, Action body) {
    try {
      body();
    } catch (PluginException thrown) {
      if (thrown.Message.Contains(text)) return thrown.Code;
      throw new Exception(string.Format("expected an error with <{0}>, got <{1}>", text, thrown.Message));
    }
    throw new Exception(string.Format("expected the error <{0}>, got none", text));
  }

  static string Path(string guest) {
    return System.IO.Path.Combine(Environment.GetEnvironmentVariable("UBIQ_GUESTS"), guest + ".wasm");
  }

  static byte[] Wasm(string guest) { return File.ReadAllBytes(Path(guest)); }

  static byte[] Manifest(string guest, string more = "") {
    return Encoding.UTF8.GetBytes("{\"wasm\":[{\"path\":\"" + Path(guest) + "\"}]" + more + "}");
  }

  static Plugin Open(string guest, params Function[] functions) {
    var plugin = new Plugin(Wasm(guest), functions);
    Free(functions);
    return plugin;
  }

  // A plugin has a share of its own.
  static void Free(IEnumerable<Function> functions) {
    foreach (Function function in functions) extism_function_free(function.Pointer);
  }

  static string Turned(string text) {
    char[] letters = text.ToCharArray();
    Array.Reverse(letters);
    return new string(letters);
  }

  static Function Reverse() {
    return new Function("host_reverse", Block, Block, (current, data) =>
        current.Output(0, current.Write(Turned(current.InputText(0)))));
  }

  static void Loading() {
    Test("bytes, manifests and WAT are plugins", () => {
      foreach (byte[] source in new[] {Wasm("echo"), Manifest("echo")}) {
        using (var plugin = new Plugin(source, None)) Equal("größe", plugin.Call("echo", "größe"));
      }
      using (var plugin = new Plugin(Encoding.UTF8.GetBytes("(module (func (export \"nothing\")))"), None))
        Equal("", plugin.Call("nothing"));
    });
    Test("a megabyte comes back whole", () => {
      var data = new byte[1 << 20];
      new Random(1).NextBytes(data);
      using (var plugin = Open("echo"))
        Equal(Convert.ToBase64String(data), Convert.ToBase64String(plugin.CallBytes("echo", data)));
    });
    Test("what cannot be loaded is told", () => {
      Fails("unknown import: `extism:host/user::host_reverse` has not been defined", () => Open("host"));
      Fails("Unable to", () => new Plugin(new byte[] {0, 97, 115, 109}, None));
      Fails("Unable to", () => new Compiled(new byte[] {0, 97, 115, 109}, None, false, 1000));
    });
    Test("one compiled plugin makes many, with variables of their own", () => {
      var compiled = new Compiled(Wasm("count_vowels"), None);
      using (var one = new Plugin(compiled)) using (var other = new Plugin(compiled)) {
        compiled.Dispose();
        foreach (int total in new[] {2, 4}) {
          foreach (Plugin plugin in new[] {one, other})
            Equal(true, plugin.Call("count_vowels", "hello").Contains("\"total\":" + total));
        }
      }
    });
    Test("ids, versions and functions can be asked for", () => {
      Equal("1.41.0", Text(extism_version()));
      using (var one = Open("echo")) using (var other = Open("echo")) {
        string id = BitConverter.ToString(Bytes(extism_plugin_id(one.Pointer), 16));
        Equal(false, id == BitConverter.ToString(Bytes(extism_plugin_id(other.Pointer), 16)));
        Equal(true, extism_plugin_function_exists(one.Pointer, C("echo")));
        Equal(false, extism_plugin_function_exists(one.Pointer, C("ohce")));
      }
    });
  }

  static void Calling() {
    Test("errors are the guest's own words, and codes its own", () => {
      using (var plugin = Open("error")) {
        Equal(1, Fails("this function fails on purpose", () => plugin.Call("fail")));
        Equal("this function fails on purpose", Text(extism_error(plugin.Pointer)));
        Equal(7, Fails("(no text)", () => plugin.Call("fail_silently")));
        Equal(-1, Fails("Function not found: nowhere", () => plugin.Call("nowhere")));
        Equal(134, Fails("", () => plugin.Call("trap_unreachable")));
        Equal("fine", plugin.Call("error_cleared"));
        Equal(null, Text(extism_plugin_error(plugin.Pointer)));
      }
    });
    Test("config is merged, and taken away by null", () => {
      using (var plugin = new Plugin(Manifest("config", ",\"config\":{\"a\":\"1\",\"b\":\"1\"}"), None)) {
        foreach (string json in new[] {"{\"a\":\"2\"}", "{\"b\":null}"})
          Equal(true, extism_plugin_config(plugin.Pointer, C(json), (ulong)json.Length));
        Equal(false, extism_plugin_config(plugin.Pointer, C("[]"), 2));
        Equal("2", plugin.Call("config", "a"));
        Fails("the key is not set", () => plugin.Call("config", "b"));
      }
    });
    Test("a reset leaves variables", () => {
      using (var plugin = Open("count_vowels")) {
        plugin.Call("count_vowels", "aaa");
        Equal(true, extism_plugin_reset(plugin.Pointer));
        Equal(true, plugin.Call("count_vowels", "a").Contains("\"total\":4"));
      }
    });
    Test("headers of responses are there once they are allowed", () => {
      string url = Environment.GetEnvironmentVariable("UBIQ_SERVER") + "hello";
      using (var plugin = new Plugin(Manifest("http", ",\"allowed_hosts\":[\"127.0.0.1\"]"), None)) {
        Equal("200\nhello from the server", plugin.Call("get", url));
        Equal("(none)", plugin.Call("headers", url));
        extism_plugin_allow_http_response_headers(plugin.Pointer);
        Equal(true, plugin.Call("headers", url).Contains("\"x-served-by\":\"a test\""));
      }
    });
    Test("wasi is there when it is asked for", () => {
      using (var plugin = new Plugin(Wasm("wasi_plugin_command"), None, true))
        Equal("from _start", plugin.Call("_start", "x"));
    });
  }

  static void Ending() {
    Test("fuel ends a call", () => {
      using (var compiled = new Compiled(Wasm("infinite"), None, false, 1000000))
      using (var one = new Plugin(compiled)) using (var other = new Plugin(Wasm("infinite"), None, false, 1000000)) {
        foreach (Plugin plugin in new[] {one, other}) {
          Equal("100", plugin.Call("turns", "100"));
          Fails("plugin ran out of fuel", () => plugin.Call("spin"));
        }
      }
    });
    Test("a timeout ends a call", () => {
      using (var plugin = new Plugin(Manifest("infinite", ",\"timeout_ms\":100"), None))
        Equal(134, Fails("timeout", () => plugin.Call("spin")));
    });
    Test("another thread cancels a call", () => {
      var entered = new ManualResetEvent(false);
      var tag = new Function("host_tag", Block, Block, (current, data) => {
        entered.Set();
        current.Output(0, current.Write(current.InputText(0)));
      }, "sdk/names");
      using (var plugin = Open("sdk", tag, Describe())) {
        IntPtr handle = extism_plugin_cancel_handle(plugin.Pointer);
        var thread = new Thread(() => {
          entered.WaitOne();
          extism_plugin_cancel(handle);
        });
        thread.Start();
        Fails("timeout", () => plugin.Call("tag_for_ever"));
        thread.Join();
        Equal("-7 2.5 1 again", plugin.Call("describe", "again"));
      }
    });
  }

  static Function Describe() {
    ValType[] types = {ValType.I64, ValType.F64, ValType.I32, ValType.I64};
    return new Function("host_describe", types, Block, (current, data) => current.Output(0, current.Write(string.Format(
        System.Globalization.CultureInfo.InvariantCulture, "{0} {1} {2} {3}", current.Input(0).V.I64,
        current.Input(1).V.F64, current.Input(2).V.I32, current.InputText(3)))));
  }

  static Function PlusOne(string name, ValType type, Func<ValUnion, ValUnion> add) {
    ValType[] types = {type};
    return new Function(name, types, types, (current, data) => {
      Equal(type, current.Input(0).Type);
      current.Output(0, _ => add(current.Input(0).V));
    });
  }

  static void HostFunctions() {
    Test("every type of value crosses, in a namespace of one's own too", () => {
      int calls = 0;
      ValType[] all = {ValType.I32, ValType.I64, ValType.F32, ValType.F64};
      var functions = new[] {
        PlusOne("host_i32", ValType.I32, v => { v.I32++; return v; }),
        PlusOne("host_i64", ValType.I64, v => { v.I64++; return v; }),
        PlusOne("host_f32", ValType.F32, v => { v.F32++; return v; }),
        PlusOne("host_f64", ValType.F64, v => { v.F64++; return v; }),
        new Function("host_nothing", Nothing, Nothing, (current, data) => calls++),
        new Function("host_mixed", all, new[] {ValType.F64}, (current, data) => current.Output(0, v => {
          v.F64 = current.Input(0).V.I32 + (double)current.Input(1).V.I64;
          v.F64 += current.Input(2).V.F32 + current.Input(3).V.F64;
          return v;
        })),
        new Function("host_pair", Block, new[] {ValType.I32, ValType.F64}, (current, data) => {
          current.Output(0, v => { v.I32 = (int)current.Input(0).V.I64; return v; });
          current.Output(1, v => { v.F64 = current.Input(0).V.I64 / 2.0; return v; });
        }, "my/namespace"),
      };
      using (var plugin = Open("host_types", functions)) {
        foreach (string name in new[] {"i32", "i64", "f32", "f64", "nothing", "mixed", "pair"})
          plugin.Call("call_" + name);
      }
      Equal(1, calls);
    });
    Test("memory is read, written, allocated and freed", () => {
      var body = new Function("host_reverse", Block, Block, (current, data) => {
        Equal(3UL, current.Length((ulong)current.Input(0).V.I64));
        ulong scratch = current.Alloc(1000);
        Equal(1000UL, current.Length(scratch));
        current.Free(scratch);
        Equal(0UL, current.Length(scratch));
        Equal(0UL, current.Alloc(0));
        current.Output(0, current.Write(current.InputText(0) + " and more"));
      });
      using (var plugin = Open("host", body)) Equal("abc and more", plugin.Call("reverse", "abc"));
    });
    Test("the host context is that of the call", () => {
      var body = new Function("host_reverse", Block, Block, (current, data) =>
          current.Output(0, current.Write(current.InputText(0) + (current.HostContext() ?? "nothing"))));
      using (var plugin = Open("host", body)) {
        Equal("for one", plugin.CallWith("reverse", "for ", "one"));
        Equal("for 2", plugin.CallWith("reverse", "for ", 2));
        Equal("for nothing", plugin.Call("reverse", "for "));
      }
    });
    Test("user data is freed once, when nothing uses the function any more", () => {
      int before = Function.Freed;
      using (var compiled = new Compiled(Wasm("host"), new[] {Reverse()})) Equal(before, Function.Freed);
      Function function = Reverse();
      var plugin = new Plugin(Wasm("host"), new[] {function});
      extism_function_free(function.Pointer);
      int with = Function.Freed;
      Equal("cba", plugin.Call("reverse", "abc"));
      Equal(with, Function.Freed);
      plugin.Dispose();
      Equal(with + 1, Function.Freed);
      extism_function_free(Reverse().Pointer);
      Equal(with + 2, Function.Freed);
    });
    Test("the collector runs while a delegate is called, and threads call plugins", () => {
      int wrong = 0;
      var threads = new Thread[4];
      for (int i = 0; i < threads.Length; i++) {
        threads[i] = new Thread(() => {
          using (var plugin = Open("host", Reverse())) {
            for (int round = 0; round < 200; round++) {
              if (round % 50 == 0) GC.Collect();
              if (plugin.Call("reverse", "thread") != "daerht") Interlocked.Increment(ref wrong);
            }
          }
        });
        threads[i].Start();
      }
      foreach (Thread thread in threads) thread.Join();
      Equal(0, wrong);
    });
  }

  static void Logs() {
    Test("a log is kept until it is drained", () => {
      var lines = new List<string>();
      DrainLine take = (line, size) => {
        Equal(size, (ulong)line.Length);
        lines.Add(line);
      };
      Equal(true, extism_log_custom(C("info")));
      using (var plugin = Open("log")) plugin.Call("all");
      Equal(0, lines.Count);
      extism_log_drain(take);
      string text = string.Join("", lines);
      Equal(true, text.Contains("an info message") && text.Contains("an error message"));
      Equal(false, text.Contains("a debug message"));
    });
    Test("a log that cannot be opened is told", () =>
        Equal(false, extism_log_file(C("/nowhere/at/all.log"), C("info"))));
  }

  static int Main() {
    Loading();
    Calling();
    Ending();
    HostFunctions();
    Logs(); // last: the log is the process's
    Console.WriteLine("sdk/dotnet: {0} passed, {1} failed", passed, failed);
    return failed == 0 ? 0 : 1;
  }
}
