// The library as P/Invoke sees it: all 33 functions. Where it answers a bool nothing says how wide that is, so four
// bytes are read, and a line of the log is a string: Extism's own .NET SDK declares them so.
using System;
using System.Runtime.InteropServices;
using System.Text;

enum ValType { I32, I64, F32, F64, V128, FuncRef, ExternRef }

[StructLayout(LayoutKind.Explicit)]
struct ValUnion {
  [FieldOffset(0)] public int I32;
  [FieldOffset(0)] public long I64;
  [FieldOffset(0)] public float F32;
  [FieldOffset(0)] public double F64;
}

[StructLayout(LayoutKind.Sequential)]
struct Val {
  public ValType Type;
  public ValUnion V;
}

[UnmanagedFunctionPointer(CallingConvention.Cdecl)]
delegate void HostFunction(IntPtr plugin, IntPtr inputs, ulong inputCount, IntPtr outputs, ulong outputCount,
    IntPtr data);

[UnmanagedFunctionPointer(CallingConvention.Cdecl)]
delegate void FreeData(IntPtr data);

[UnmanagedFunctionPointer(CallingConvention.Cdecl)]
delegate void DrainLine(string line, ulong size);

static class LibExtism {
  const string Name = "extism";

  [DllImport(Name)] public static extern IntPtr extism_plugin_id(IntPtr plugin);
  [DllImport(Name)] public static extern IntPtr extism_current_plugin_host_context(IntPtr plugin);
  [DllImport(Name)] public static extern IntPtr extism_current_plugin_memory(IntPtr plugin);
  [DllImport(Name)] public static extern ulong extism_current_plugin_memory_alloc(IntPtr plugin, ulong size);
  [DllImport(Name)] public static extern ulong extism_current_plugin_memory_length(IntPtr plugin, ulong offset);
  [DllImport(Name)] public static extern void extism_current_plugin_memory_free(IntPtr plugin, ulong offset);
  [DllImport(Name)] public static extern IntPtr extism_function_new(byte[] name, ValType[] inputs, ulong inputCount,
      ValType[] outputs, ulong outputCount, HostFunction function, IntPtr data, FreeData free);
  [DllImport(Name)] public static extern void extism_function_free(IntPtr function);
  [DllImport(Name)] public static extern void extism_function_set_namespace(IntPtr function, byte[] name);
  [DllImport(Name)] public static extern IntPtr extism_compiled_plugin_new(byte[] wasm, ulong size, IntPtr[] functions,
      ulong functionCount, [MarshalAs(UnmanagedType.U1)] bool wasi, out IntPtr message);
  [DllImport(Name)] public static extern IntPtr extism_compiled_plugin_new_with_fuel_limit(byte[] wasm, ulong size,
      IntPtr[] functions, ulong functionCount, [MarshalAs(UnmanagedType.U1)] bool wasi, ulong fuel, out IntPtr message);
  [DllImport(Name)] public static extern void extism_compiled_plugin_free(IntPtr compiled);
  [DllImport(Name)] public static extern IntPtr extism_plugin_new(byte[] wasm, ulong size, IntPtr[] functions,
      ulong functionCount, [MarshalAs(UnmanagedType.U1)] bool wasi, out IntPtr message);
  [DllImport(Name)] public static extern IntPtr extism_plugin_new_from_compiled(IntPtr compiled, out IntPtr message);
  [DllImport(Name)] public static extern IntPtr extism_plugin_new_with_fuel_limit(byte[] wasm, ulong size,
      IntPtr[] functions, ulong functionCount, [MarshalAs(UnmanagedType.U1)] bool wasi, ulong fuel, out IntPtr message);
  [DllImport(Name)] public static extern void extism_plugin_allow_http_response_headers(IntPtr plugin);
  [DllImport(Name)] public static extern void extism_plugin_new_error_free(IntPtr message);
  [DllImport(Name)] public static extern void extism_plugin_free(IntPtr plugin);
  [DllImport(Name)] public static extern IntPtr extism_plugin_cancel_handle(IntPtr plugin);
  [DllImport(Name)] public static extern bool extism_plugin_cancel(IntPtr handle);
  [DllImport(Name)] public static extern bool extism_plugin_config(IntPtr plugin, byte[] json, ulong size);
  [DllImport(Name)] public static extern bool extism_plugin_function_exists(IntPtr plugin, byte[] name);
  [DllImport(Name)] public static extern int extism_plugin_call(IntPtr plugin, byte[] name, byte[] data, ulong size);
  [DllImport(Name)] public static extern int extism_plugin_call_with_host_context(IntPtr plugin, byte[] name,
      byte[] data, ulong size, IntPtr context);
  [DllImport(Name)] public static extern IntPtr extism_error(IntPtr plugin);
  [DllImport(Name)] public static extern IntPtr extism_plugin_error(IntPtr plugin);
  [DllImport(Name)] public static extern ulong extism_plugin_output_length(IntPtr plugin);
  [DllImport(Name)] public static extern IntPtr extism_plugin_output_data(IntPtr plugin);
  [DllImport(Name)] public static extern bool extism_log_file(byte[] file, byte[] level);
  [DllImport(Name)] public static extern bool extism_log_custom(byte[] level);
  [DllImport(Name)] public static extern void extism_log_drain(DrainLine handler);
  [DllImport(Name)] public static extern bool extism_plugin_reset(IntPtr plugin);
  [DllImport(Name)] public static extern IntPtr extism_version();

  // A string as C takes it: UTF-8 with a NUL behind it.
  public static byte[] C(string text) {
    return text == null ? null : Encoding.UTF8.GetBytes(text + "\0");
  }

  public static byte[] Bytes(IntPtr start, ulong size) {
    var bytes = new byte[size];
    if (size > 0) Marshal.Copy(start, bytes, 0, (int)size);
    return bytes;
  }

  public static string Text(IntPtr text) {
    if (text == IntPtr.Zero) return null;
    ulong size = 0;
    while (Marshal.ReadByte(text, (int)size) != 0) size++;
    return Encoding.UTF8.GetString(Bytes(text, size));
  }
}
