// Extism's own Java SDK (org.extism.sdk:extism) on our libextism.so, which JNA finds by jna.library.path.
//
// Every public call of the SDK is used, and those of LibExtism under it. It stands in the SDK's package because
// CancelHandle.cancel and Plugin.error cannot be called from elsewhere.
package org.extism.sdk;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.extism.sdk.LibExtism.ExtismVal;
import org.extism.sdk.LibExtism.ExtismValType;
import org.extism.sdk.manifest.Manifest;
import org.extism.sdk.manifest.ManifestHttpRequest;
import org.extism.sdk.manifest.MemoryOptions;
import org.extism.sdk.support.Hashing;
import org.extism.sdk.support.JsonSerde;
import org.extism.sdk.wasm.ByteArrayWasmSource;
import org.extism.sdk.wasm.PathWasmSource;
import org.extism.sdk.wasm.UrlWasmSource;
import org.extism.sdk.wasm.WasmSourceResolver;

public final class SdkTest {
  private static final ExtismValType[] NONE = {};
  private static final ExtismValType[] BLOCK = {ExtismValType.PTR};
  private static final WasmSourceResolver RESOLVER = new WasmSourceResolver();

  private interface Body {
    void run() throws Exception;
  }

  private static int passed, failed;

  private static void test(String name, Body body) {
    try {
      body.run();
      passed++;
    } catch (Throwable thrown) {
      failed++;
      System.out.println("FAILED " + name + ": " + thrown);
      thrown.printStackTrace(System.out);
    }
  }

  private static void equal(Object expected, Object actual) {
    if (!expected.equals(actual)) throw new AssertionError("expected <" + expected + ">, got <" + actual + ">");
  }

  private static void fails(String text, Body body) throws Exception {
    try {
      body.run();
    } catch (ExtismException thrown) {
      if (!thrown.getMessage().contains(text))
        throw new AssertionError("expected an error with <" + text + ">, got <" + thrown.getMessage() + ">");
      return;
    }
    throw new AssertionError("expected the error <" + text + ">, got none");
  }

  private static Path path(String guest) {
    return Path.of(System.getenv("UBIQ_GUESTS"), guest + ".wasm");
  }

  private static byte[] wasm(String guest) throws Exception {
    return Files.readAllBytes(path(guest));
  }

  private static Manifest manifest(String guest) {
    return new Manifest(RESOLVER.resolve(path(guest)));
  }

  private static Plugin plugin(String guest, HostFunction<?>... functions) {
    return new Plugin(manifest(guest), false, functions);
  }

  private static HostFunction<HostUserData> function(String name, ExtismValType[] params, ExtismValType[] results,
      ExtismFunction<HostUserData> body) {
    return new HostFunction<>(name, params, results, body, Optional.empty());
  }

  private static HostFunction<HostUserData> reverse() {
    return function("host_reverse", BLOCK, BLOCK, (current, inputs, outputs, data) -> current.returnString(
        outputs[0], new StringBuilder(current.inputString(inputs[0])).reverse().toString()));
  }

  private static void loading() {
    test("sources are paths, bytes and URLs", () -> {
      byte[] bytes = wasm("count_vowels");
      PathWasmSource byPath = RESOLVER.resolve("main", path("count_vowels"));
      ByteArrayWasmSource byBytes = RESOLVER.resolve("main", bytes);
      equal(Hashing.sha256HexDigest(bytes), byPath.hash());
      equal(byPath.hash(), byBytes.hash());
      equal("main", byBytes.name());
      equal(bytes.length, byBytes.data().length);
      UrlWasmSource byUrl = UrlWasmSource.fromUrl(System.getenv("UBIQ_SERVER") + "count_vowels.wasm");
      for (var source : List.of(byPath, byBytes, byUrl)) {
        String answer = Extism.invokeFunction(new Manifest(source), "count_vowels", "hello world");
        equal(true, answer.startsWith("{\"count\":3"));
      }
    });
    test("bytes of wasm are a plugin", () -> {
      try (Plugin plugin = new Plugin(wasm("echo"), false, null)) {
        equal("größe", plugin.call("echo", "größe"));
        equal(3, plugin.call("echo", new byte[] {0, -1, 7}).length);
        equal("", plugin.call("echo", ""));
      }
    });
    test("two modules are linked", () -> {
      Manifest manifest = new Manifest(new java.util.ArrayList<>(List.of(RESOLVER.resolve("lib", path("lib")))));
      manifest.addSource(RESOLVER.resolve("main", path("main")));
      equal(2, manifest.getSources().size());
      try (Plugin plugin = new Plugin(manifest, false, null)) {
        plugin.call("sum", "");
      }
    });
    test("what cannot be loaded is told", () -> {
      fails("Hash mismatch", () -> new Plugin(new Manifest(new PathWasmSource("main", path("echo").toString(), "00")),
          false, null));
      fails("unknown import: `extism:host/user::host_reverse` has not been defined", () -> plugin("host"));
      fails("Unable to", () -> new Plugin("{}".getBytes(StandardCharsets.UTF_8), false, null));
      fails("Unable to", () -> new Plugin(new byte[] {0, 'a', 's', 'm'}, false, null, 1000));
    });
  }

  private static void options() {
    test("a manifest carries config, hosts, paths and limits", () -> {
      Manifest full = new Manifest(List.of(RESOLVER.resolve(path("config"))), new MemoryOptions(16, 4096),
          Map.of("a", "1"), List.of("127.0.0.1"), Map.of("/tmp", "/data"));
      equal("1", full.getConfig().get("a"));
      equal(List.of("127.0.0.1"), full.getAllowedHosts());
      equal("/data", full.getAllowedPaths().get("/tmp"));
      equal(true, full.getMemoryOptions() != null);
      equal(true, JsonSerde.toJson(full).replace(" ", "").contains("\"max_pages\":16"));
      try (Plugin plugin = new Plugin(full, false, null)) {
        equal("1", plugin.call("config", "a"));
      }
    });
    test("config is updated, and taken away by null", () -> {
      Manifest manifest =
          new Manifest(List.of(RESOLVER.resolve(path("config"))), null, Map.of("a", "1", "b", "1"));
      try (Plugin plugin = new Plugin(manifest, false, null)) {
        equal(true, plugin.updateConfig("{\"a\":\"2\"}"));
        equal(true, plugin.updateConfig("{\"b\":null}".getBytes(StandardCharsets.UTF_8)));
        equal(false, plugin.updateConfig("[]"));
        equal("2", plugin.call("config", "a"));
        fails("the key is not set", () -> plugin.call("config", "b"));
      }
    });
    test("memory is limited", () -> {
      Manifest manifest = new Manifest(List.of(RESOLVER.resolve(path("grow"))), new MemoryOptions(64, null));
      try (Plugin plugin = new Plugin(manifest, false, null)) {
        fails("oom", () -> plugin.call("must_grow_module", ""));
      }
    });
    test("http goes to allowed hosts only", () -> {
      String url = System.getenv("UBIQ_SERVER") + "hello";
      equal("GET", new ManifestHttpRequest(url, Map.of(), "GET").method());
      Manifest open = new Manifest(List.of(RESOLVER.resolve(path("http"))), null, null, List.of("127.0.0.1"));
      try (Plugin plugin = new Plugin(open, false, null); Plugin closed = plugin("http")) {
        equal("200\nhello from the server", plugin.call("get", url));
        fails("", () -> closed.call("get", url));
      }
    });
    test("fuel ends a call", () -> {
      try (Plugin plugin = new Plugin(manifest("infinite"), false, null, 1_000_000);
          Plugin other = new Plugin(wasm("infinite"), false, new HostFunction[0], 1_000_000)) {
        equal("100", plugin.call("turns", "100"));
        fails("plugin ran out of fuel", () -> plugin.call("spin", ""));
        fails("plugin ran out of fuel", () -> other.call("spin", ""));
      }
    });
    test("wasi is there when it is asked for", () -> {
      fails("wasi_snapshot_preview1", () -> plugin("wasi_plugin_command"));
      try (Plugin plugin = new Plugin(manifest("wasi_plugin_command"), true, null)) {
        equal("from _start", plugin.call("_start", "x"));
      }
    });
  }

  private static void errors() {
    test("errors are the guest's own words", () -> {
      try (Plugin plugin = plugin("error")) {
        fails("this function fails on purpose", () -> plugin.call("fail", ""));
        equal("this function fails on purpose", plugin.error());
        fails("Unknown error", () -> plugin.call("fail_silently", ""));
        fails("Function not found: nowhere", () -> plugin.call("nowhere", ""));
        fails("", () -> plugin.call("trap_unreachable", ""));
        equal("fine", plugin.call("error_cleared", ""));
      }
    });
    test("a timeout ends a call", () -> {
      String text = "{\"wasm\":[{\"path\":\"" + path("infinite") + "\"}],\"timeout_ms\":100}";
      try (Plugin plugin = new Plugin(text.getBytes(StandardCharsets.UTF_8), false, null)) {
        fails("timeout", () -> plugin.call("spin", ""));
      }
    });
    test("another thread cancels a call", () -> {
      CountDownLatch entered = new CountDownLatch(1);
      HostFunction<?> tag = function("host_tag", BLOCK, BLOCK, (current, inputs, outputs, data) -> {
        entered.countDown();
        current.returnBytes(outputs[0], current.inputBytes(inputs[0]));
      }).withNamespace("sdk/names");
      try (Plugin plugin = plugin("sdk", tag, describe())) {
        CancelHandle handle = plugin.cancelHandle();
        Thread canceller = new Thread(() -> {
          try {
            entered.await();
            handle.cancel();
          } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
          }
        });
        canceller.start();
        fails("timeout", () -> plugin.call("tag_for_ever", ""));
        canceller.join();
        equal("-7 2.5 1 again", plugin.call("describe", "again"));
      }
    });
  }

  private static HostFunction<HostUserData> describe() {
    ExtismValType[] types = {ExtismValType.I64, ExtismValType.F64, ExtismValType.I32, ExtismValType.PTR};
    return function("host_describe", types, BLOCK, (current, inputs, outputs, data) -> current.returnString(outputs[0],
        inputs[0].v.i64 + " " + real(inputs[1]) + " " + inputs[2].v.i32 + " " + current.inputString(inputs[3])));
  }

  // JNA reads of a union only what its type was set to.
  private static double real(ExtismVal value) {
    boolean isFloat = value.t == ExtismValType.F32.v;
    value.v.setType(isFloat ? Float.TYPE : Double.TYPE);
    value.v.read();
    return isFloat ? value.v.f32 : value.v.f64;
  }

  private static void answer(ExtismVal output, double number) {
    if (output.t == ExtismValType.I32.v) output.v.i32 = (int) number;
    if (output.t == ExtismValType.F32.v) output.v.f32 = (float) number;
    if (output.t == ExtismValType.F64.v) output.v.f64 = number;
  }

  private static HostFunction<?> plusOne(String name, ExtismValType type) {
    ExtismValType[] types = {type};
    return function(name, types, types, (current, inputs, outputs, data) -> {
      if (type == ExtismValType.I32) answer(outputs[0], inputs[0].v.i32 + 1);
      else if (type == ExtismValType.I64) outputs[0].v.i64 = inputs[0].v.i64 + 1;
      else answer(outputs[0], real(inputs[0]) + 1);
    });
  }

  private static void hostFunctions() {
    test("a block goes to the host and another comes back", () -> {
      try (Plugin plugin = plugin("host", reverse())) {
        for (int i = 0; i < 1000; i++) equal("cba", plugin.call("reverse", "abc"));
      }
    });
    test("every type of value crosses, in a namespace of one's own too", () -> {
      int[] calls = {0};
      ExtismValType[] all = {ExtismValType.I32, ExtismValType.I64, ExtismValType.F32, ExtismValType.F64};
      ExtismValType[] real = {ExtismValType.F64}, pair = {ExtismValType.I32, ExtismValType.F64};
      HostFunction<?> both = function("host_pair", new ExtismValType[] {ExtismValType.I64}, pair,
          (current, inputs, outputs, data) -> {
            answer(outputs[0], inputs[0].v.i64);
            answer(outputs[1], inputs[0].v.i64 / 2.0);
          });
      both.setNamespace("my/namespace");
      HostFunction<?> mixed = function("host_mixed", all, real, (current, inputs, outputs, data) -> answer(
          outputs[0], inputs[0].v.i32 + inputs[1].v.i64 + real(inputs[2]) + real(inputs[3])));
      try (Plugin plugin = plugin("host_types", plusOne("host_i32", ExtismValType.I32),
               plusOne("host_i64", ExtismValType.I64), plusOne("host_f32", ExtismValType.F32),
               plusOne("host_f64", ExtismValType.F64), mixed, both,
               function("host_nothing", NONE, NONE, (current, inputs, outputs, data) -> calls[0]++))) {
        for (String name : List.of("i32", "i64", "f32", "f64", "nothing", "mixed", "pair"))
          plugin.call("call_" + name, "");
      }
      equal(1, calls[0]);
    });
    test("memory is read, written, allocated and freed", () -> {
      HostFunction<?> body = function("host_reverse", BLOCK, BLOCK, (current, inputs, outputs, data) -> {
        equal(3L, current.memoryLength(inputs[0].v.i64));
        equal("abc", new String(current.inputBytes(inputs[0]), StandardCharsets.UTF_8));
        int scratch = current.alloc(1000);
        equal(1000L, current.memoryLength(scratch));
        current.free(scratch);
        equal(0L, current.memoryLength(scratch));
        int target = current.alloc(4);
        current.memory().write(target, "four".getBytes(StandardCharsets.UTF_8), 0, 4);
        outputs[0].v.i64 = target;
      });
      try (Plugin plugin = plugin("host", body)) {
        equal("four", plugin.call("reverse", "abc"));
      }
    });
    test("user data is handed on", () -> {
      Memory memory = new Memory(16);
      memory.setString(0, "some data");
      HostUserData given = new HostUserData();
      given.setPointer(memory);
      ExtismFunction<HostUserData> body = (current, inputs, outputs, data) ->
          current.returnString(outputs[0], data.get().getPointer().getString(0));
      try (Plugin plugin = plugin("host", new HostFunction<>("host_reverse", BLOCK, BLOCK, body, Optional.of(given)))) {
        equal("some data", plugin.call("reverse", "abc"));
      }
    });
    test("a function is freed once, and threads of Java's own call plugins", () -> {
      HostFunction<?> unused = reverse();
      unused.free();
      unused.free();
      List<Throwable> thrown = new java.util.concurrent.CopyOnWriteArrayList<>();
      Thread[] threads = new Thread[4];
      for (int i = 0; i < threads.length; i++) {
        threads[i] = new Thread(() -> {
          try (Plugin plugin = plugin("host", reverse())) {
            for (int round = 0; round < 100; round++) equal("daerht", plugin.call("reverse", "thread"));
          } catch (Throwable one) {
            thrown.add(one);
          }
        });
        threads[i].start();
      }
      for (Thread thread : threads) thread.join();
      equal(List.of(), thrown);
    });
  }

  @SuppressWarnings("removal")
  private static void logs() {
    test("a log file takes lines from a level on", () -> {
      Path file = Files.createTempFile("sdk", ".log");
      Extism.setLogFile(file, Extism.LogLevel.WARN);
      try (Plugin plugin = plugin("log")) {
        plugin.call("all", "");
      }
      String text = Files.readString(file);
      Files.delete(file);
      equal(true, text.contains("a warn message") && text.contains("an error message"));
      equal(false, text.contains("an info message"));
    });
  }

  private static void library() {
    test("LibExtism by itself", () -> {
      LibExtism lib = LibExtism.INSTANCE;
      equal("1.41.0", lib.extism_version());
      byte[] wasm = wasm("error");
      Pointer[] message = new Pointer[1];
      Pointer plugin = lib.extism_plugin_new(wasm, wasm.length, new Pointer[0], 0, false, message);
      equal(0, lib.extism_plugin_call(plugin, "error_cleared", new byte[0], 0));
      equal(4, lib.extism_plugin_output_length(plugin));
      equal("fine", new String(lib.extism_plugin_output_data(plugin).getByteArray(0, 4), StandardCharsets.UTF_8));
      equal(7, lib.extism_plugin_call(plugin, "fail_silently", new byte[0], 0));
      equal(true, lib.extism_plugin_error(plugin) == null);
      equal(true, lib.extism_plugin_cancel(lib.extism_plugin_cancel_handle(plugin)));
      lib.extism_plugin_free(plugin);
      equal(true, lib.extism_plugin_new(wasm, 4, new Pointer[0], 0, false, message) == null);
      equal(true, message[0].getString(0).startsWith("Unable to "));
      lib.extism_plugin_new_error_free(message[0]);
    });
  }

  public static void main(String[] arguments) {
    loading();
    options();
    errors();
    hostFunctions();
    library();
    logs(); // last: the log is the process's
    System.out.println("sdk/java: " + passed + " passed, " + failed + " failed");
    System.exit(failed == 0 ? 0 : 1);
  }
}
