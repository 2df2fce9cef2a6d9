// A plugin, its host functions and what they may do, as a C# program would wrap them.
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using static LibExtism;

class PluginException : Exception {
  public readonly int Code;
  public PluginException(string message, int code = -1) : base(message ?? "(no text)") { Code = code; }
}

// The values of one call of a host function.
class Current {
  readonly IntPtr plugin, inputs, outputs;

  public Current(IntPtr plugin, IntPtr inputs, IntPtr outputs) {
    this.plugin = plugin;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  static IntPtr At(IntPtr values, int index) { return values + index * Marshal.SizeOf(typeof(Val)); }

  public Val Input(int index) { return (Val)Marshal.PtrToStructure(At(inputs, index), typeof(Val)); }

  // Keeps the type, which the library has set.
  public void Output(int index, Func<ValUnion, ValUnion> set) {
    var value = (Val)Marshal.PtrToStructure(At(outputs, index), typeof(Val));
    value.V = set(value.V);
    Marshal.StructureToPtr(value, At(outputs, index), false);
  }

  public void Output(int index, ulong block) { Output(index, v => { v.I64 = (long)block; return v; }); }

  public ulong Length(ulong block) { return extism_current_plugin_memory_length(plugin, block); }

  public void Free(ulong block) { extism_current_plugin_memory_free(plugin, block); }

  public ulong Alloc(ulong size) { return extism_current_plugin_memory_alloc(plugin, size); }

  IntPtr Memory(ulong block) { return (IntPtr)(extism_current_plugin_memory(plugin).ToInt64() + (long)block); }

  public string Read(ulong block) { return Encoding.UTF8.GetString(Bytes(Memory(block), Length(block))); }

  public ulong Write(string text) {
    byte[] bytes = Encoding.UTF8.GetBytes(text);
    ulong block = Alloc((ulong)bytes.Length);
    Marshal.Copy(bytes, 0, Memory(block), bytes.Length);
    return block;
  }

  public string InputText(int index) { return Read((ulong)Input(index).V.I64); }

  public object HostContext() {
    IntPtr context = extism_current_plugin_host_context(plugin);
    return context == IntPtr.Zero ? null : GCHandle.FromIntPtr(context).Target;
  }
}

// A host function; its delegates live until the library says that it has no more use for them.
class Function {
  public static int Freed;
  static readonly Dictionary<long, HostFunction> living = new Dictionary<long, HostFunction>();
  static readonly FreeData forget = Forget;
  static long made;

  public readonly IntPtr Pointer;

  public Function(string name, ValType[] inputs, ValType[] outputs, Action<Current, IntPtr> body, string space = null) {
    HostFunction call = (plugin, ins, inCount, outs, outCount, data) => body(new Current(plugin, ins, outs), data);
    long key;
    lock (living) {
      key = ++made;
      living[key] = call;
    }
    Pointer = extism_function_new(C(name), inputs, (ulong)inputs.Length, outputs, (ulong)outputs.Length, call,
        (IntPtr)key, forget);
    if (space != null) extism_function_set_namespace(Pointer, C(space));
  }

  static void Forget(IntPtr key) {
    lock (living) {
      living.Remove(key.ToInt64());
      Freed++;
    }
  }

  public static IntPtr[] Pointers(Function[] functions) {
    return Array.ConvertAll(functions, function => function.Pointer);
  }
}

class Compiled : IDisposable {
  public readonly IntPtr Pointer;

  public Compiled(byte[] wasm, Function[] functions, bool wasi = false, ulong fuel = 0) {
    IntPtr[] pointers = Function.Pointers(functions);
    ulong size = (ulong)wasm.Length, count = (ulong)functions.Length;
    IntPtr message;
    Pointer = fuel == 0
        ? extism_compiled_plugin_new(wasm, size, pointers, count, wasi, out message)
        : extism_compiled_plugin_new_with_fuel_limit(wasm, size, pointers, count, wasi, fuel, out message);
    Plugin.Check(Pointer, message);
  }

  public void Dispose() { extism_compiled_plugin_free(Pointer); }
}

class Plugin : IDisposable {
  public readonly IntPtr Pointer;

  public Plugin(byte[] wasm, Function[] functions, bool wasi = false, ulong fuel = 0) {
    IntPtr[] pointers = Function.Pointers(functions);
    ulong size = (ulong)wasm.Length, count = (ulong)functions.Length;
    IntPtr message;
    Pointer = fuel == 0 ? extism_plugin_new(wasm, size, pointers, count, wasi, out message)
                        : extism_plugin_new_with_fuel_limit(wasm, size, pointers, count, wasi, fuel, out message);
    Check(Pointer, message);
  }

  public Plugin(Compiled compiled) {
    IntPtr message;
    Pointer = extism_plugin_new_from_compiled(compiled.Pointer, out message);
    Check(Pointer, message);
  }

  public static void Check(IntPtr made, IntPtr message) {
    if (made != IntPtr.Zero) return;
    string text = Text(message);
    extism_plugin_new_error_free(message);
    throw new PluginException(text);
  }

  public byte[] CallBytes(string function, byte[] input) {
    return Answer(extism_plugin_call(Pointer, C(function), input, (ulong)input.Length));
  }

  public string Call(string function, string input = "") {
    return Encoding.UTF8.GetString(CallBytes(function, Encoding.UTF8.GetBytes(input)));
  }

  public string CallWith(string function, string input, object context) {
    byte[] bytes = Encoding.UTF8.GetBytes(input);
    GCHandle handle = GCHandle.Alloc(context);
    try {
      return Encoding.UTF8.GetString(Answer(extism_plugin_call_with_host_context(Pointer, C(function), bytes,
          (ulong)bytes.Length, GCHandle.ToIntPtr(handle))));
    } finally {
      handle.Free();
    }
  }

  byte[] Answer(int code) {
    if (code != 0) throw new PluginException(Text(extism_plugin_error(Pointer)), code);
    return Bytes(extism_plugin_output_data(Pointer), extism_plugin_output_length(Pointer));
  }

  public void Dispose() { extism_plugin_free(Pointer); }
}
