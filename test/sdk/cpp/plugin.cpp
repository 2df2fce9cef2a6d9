// A C++17 program on our libextism.so, built with the flags that pkg-config answers: closures as host functions, and
// threads that share a compiled plugin. Prints what went wrong; ends with 1 if anything did.
#include "plugin.hpp"

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>

using namespace sdk;

namespace {

int passed, failed;

void check(const char *name, bool good) {
  good ? passed++ : failed++;
  if (!good) std::cout << "FAILED " << name << '\n';
}

std::string guest(const std::string &name) {
  std::ifstream file(std::string(std::getenv("UBIQ_GUESTS")) + "/" + name + ".wasm", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string error_of(const std::function<void()> &body) {
  try {
    body();
  } catch (const std::runtime_error &error) {
    return error.what();
  }
  return "";
}

std::vector<Function> functions(std::promise<void> *entered) {
  std::vector<Function> all;
  bool told = false;
  all.emplace_back(
      "host_tag", std::vector{EXTISM_PTR}, std::vector{EXTISM_PTR},
      [=](Current current, const ExtismVal *in, ExtismVal *out) mutable {
        if (entered != nullptr && !told) entered->set_value();
        told = true;
        const auto *tag = current.context<std::string>();
        current.answer(out[0], std::string(current.read(in[0])) + (tag != nullptr ? *tag : ""));
      },
      "sdk/names");
  all.emplace_back("host_describe", std::vector{ExtismValType_I64, ExtismValType_F64, ExtismValType_I32, EXTISM_PTR},
                   std::vector{EXTISM_PTR}, [](Current current, const ExtismVal *in, ExtismVal *out) {
                     const bool good = in[0].v.i64 == -7 && in[1].v.f64 == 2.5 && in[2].v.i32 == 1;
                     current.answer(out[0], good ? "good " + std::string(current.read(in[3])) : "bad");
                   });
  return all;
}

void closures() {
  const Compiled compiled(guest("sdk"), functions(nullptr));
  Plugin plugin(compiled);
  std::string tag = " with a tag";
  check("a closure answers", plugin.call("tag", "word", &tag) == "word with a tag");
  check("there is no host context without one", plugin.call("tag", "word") == "word");
  check("every type of value arrives", plugin.call("describe", "word") == "good word");
}

void errors() {
  const Compiled compiled(guest("error"), {});
  Plugin plugin(compiled);
  check("the guest's error is thrown", error_of([&] { plugin.call("fail", ""); }) == "this function fails on purpose");
  check("a code without a text is thrown", error_of([&] { plugin.call("fail_silently", ""); }) == "code 7");
  const std::string missing = error_of([] { Compiled(guest("host"), {}); });
  check("a missing host function is told",
        missing.find("unknown import: `extism:host/user::host_reverse` has not been defined") != std::string::npos);
}

void cancelling() {
  std::promise<void> entered;
  const Compiled compiled(guest("sdk"), functions(&entered));
  Plugin plugin(compiled);
  auto canceller = std::async(std::launch::async, [&] {
    entered.get_future().wait();
    return extism_plugin_cancel(plugin.cancel_handle());
  });
  check("another thread cancels", error_of([&] { plugin.call("tag_for_ever", "x"); }) == "timeout");
  check("and is told so", canceller.get());
}

void threads() {
  const Compiled compiled(guest("sdk"), functions(nullptr));
  std::atomic<int> right = 0;
  std::vector<std::future<void>> all;
  for (int i = 0; i < 4; i++)
    all.push_back(std::async(std::launch::async, [&] {
      Plugin plugin(compiled);
      for (int round = 0; round < 500; round++) right += plugin.call("describe", "x") == "good x";
    }));
  all.clear(); // waits
  check("threads share a compiled plugin", right == 2000);
}

} // namespace

int main() {
  closures();
  errors();
  cancelling();
  threads();
  std::cout << "sdk/cpp: " << passed << " passed, " << failed << " failed\n";
  return failed != 0;
}
