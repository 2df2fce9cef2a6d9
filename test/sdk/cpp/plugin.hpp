// A plugin as a C++17 program would wrap extism.h: what is made is given back, and functions are closures.
#pragma once
#include <extism.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sdk {

// What a host function may do with the plugin that calls it.
class Current {
public:
  explicit Current(ExtismCurrentPlugin *plugin) : plugin_(plugin) {}

  std::string_view read(const ExtismVal &value) const {
    const auto block = static_cast<ExtismMemoryHandle>(value.v.i64);
    const auto *memory = reinterpret_cast<const char *>(extism_current_plugin_memory(plugin_));
    return {memory + block, extism_current_plugin_memory_length(plugin_, block)};
  }

  void answer(ExtismVal &value, const std::string &text) const {
    const ExtismMemoryHandle block = extism_current_plugin_memory_alloc(plugin_, text.size());
    text.copy(reinterpret_cast<char *>(extism_current_plugin_memory(plugin_) + block), text.size());
    value.v.i64 = static_cast<int64_t>(block);
  }

  template <class T> T *context() const {
    return static_cast<T *>(extism_current_plugin_host_context(plugin_));
  }

private:
  ExtismCurrentPlugin *plugin_;
};

using Body = std::function<void(Current, const ExtismVal *, ExtismVal *)>;

class Function {
public:
  Function(const char *name, const std::vector<ExtismValType> &in, const std::vector<ExtismValType> &out, Body body,
           const char *space = nullptr)
      : function_(extism_function_new(name, in.data(), in.size(), out.data(), out.size(), call,
                                      new Body(std::move(body)), [](void *data) { delete static_cast<Body *>(data); }),
                  extism_function_free) {
    if (space != nullptr) extism_function_set_namespace(function_.get(), space);
  }

  const ExtismFunction *get() const {
    return function_.get();
  }

private:
  static void call(ExtismCurrentPlugin *plugin, const ExtismVal *inputs, ExtismSize, ExtismVal *outputs, ExtismSize,
                   void *data) {
    (*static_cast<Body *>(data))(Current(plugin), inputs, outputs);
  }

  std::unique_ptr<ExtismFunction, decltype(&extism_function_free)> function_;
};

inline std::vector<const ExtismFunction *> pointers(const std::vector<Function> &functions) {
  std::vector<const ExtismFunction *> all;
  for (const Function &function : functions) all.push_back(function.get());
  return all;
}

template <class T> T *checked(T *made, char *message) {
  const std::string text = message != nullptr ? message : "";
  extism_plugin_new_error_free(message);
  if (made == nullptr) throw std::runtime_error(text);
  return made;
}

inline const uint8_t *bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t *>(text.data());
}

class Compiled {
public:
  Compiled(std::string_view wasm, const std::vector<Function> &functions)
      : compiled_(make(wasm, pointers(functions)), extism_compiled_plugin_free) {}

  const ExtismCompiledPlugin *get() const {
    return compiled_.get();
  }

private:
  static ExtismCompiledPlugin *make(std::string_view wasm, std::vector<const ExtismFunction *> functions) {
    char *message = nullptr;
    auto *made =
        extism_compiled_plugin_new(bytes(wasm), wasm.size(), functions.data(), functions.size(), false, &message);
    return checked(made, message);
  }

  std::unique_ptr<ExtismCompiledPlugin, decltype(&extism_compiled_plugin_free)> compiled_;
};

class Plugin {
public:
  explicit Plugin(const Compiled &compiled) : plugin_(make(compiled), extism_plugin_free) {}

  std::string call(const char *function, std::string_view input, void *context = nullptr) {
    const int32_t code =
        extism_plugin_call_with_host_context(plugin_.get(), function, bytes(input), input.size(), context);
    if (code != EXTISM_SUCCESS) {
      const char *error = extism_plugin_error(plugin_.get());
      throw std::runtime_error(error != nullptr ? error : "code " + std::to_string(code));
    }
    const auto *output = reinterpret_cast<const char *>(extism_plugin_output_data(plugin_.get()));
    return {output, extism_plugin_output_length(plugin_.get())};
  }

  const ExtismCancelHandle *cancel_handle() const {
    return extism_plugin_cancel_handle(plugin_.get());
  }

private:
  static ExtismPlugin *make(const Compiled &compiled) {
    char *message = nullptr;
    return checked(extism_plugin_new_from_compiled(compiled.get(), &message), message);
  }

  std::unique_ptr<ExtismPlugin, decltype(&extism_plugin_free)> plugin_;
};

} // namespace sdk
