// Which errors are compared by what kind they are, because each library has its own words for them. All other texts must
// be the same.
#include "differential/driver.h"

#include <fnmatch.h>

#define MAKING "Unable to * Extism plugin: "

static const struct {
  const char *pattern; ///< of fnmatch
  const char *kind;
} kinds[] = {
    // libextism shows a backtrace for whatever ends a call from inside; the return code says whether it was a trap.
    {"error while executing at wasm backtrace:*", "ended from inside"},
    {"wasm coredump generated*", "ended from inside"},
    {"* (in *)*", "ended from inside"},
    // Traps of engines that do not tell where.
    {"unreachable code was reached*", "ended from inside"},
    {"integer division by zero*", "ended from inside"},
    {"integer overflow*", "ended from inside"},
    {"float out of range of an integer*", "ended from inside"},
    {"out of bounds * access*", "ended from inside"},
    {"indirect call to *", "ended from inside"},
    {"call stack exhausted*", "ended from inside"},
    {"* exited with code *", "ended from inside"},
    {"invalid handle offset for *", "ended from inside"},
    {"* that the guest passed is not valid UTF-8", "ended from inside"},
    {"Variable store is full", "ended from inside"},
    {"Vars are disabled by this host", "ended from inside"},
    {"HTTP request to *", "ended from inside"},
    {"HTTP response exceeds *", "ended from inside"},
    {"http request:*", "ended from inside"},
    {"the URL is malformed: *", "ended from inside"},
    {"the HTTP method is malformed; *", "ended from inside"},
    {"a header's name is malformed; *", "ended from inside"},
    {"header *: the value holds *", "ended from inside"},

    {MAKING "Unknown manifest format", "a malformed source"},
    {MAKING "manifest:*", "a malformed source"},
    {MAKING "input bytes aren't valid utf-8", "a malformed source"},
    {MAKING "unexpected end-of-file *", "a malformed source"},
    {MAKING "unknown binary version:*", "a malformed source"},
    {MAKING "expected a WebAssembly module but *", "a malformed source"},
    {MAKING "malformed section id:*", "a malformed source"},
    {MAKING "expected `*", "a malformed source"},
    {MAKING "expected at least one module field*", "a malformed source"},
    {MAKING "Invalid input WebAssembly code *", "a malformed source"},
    {MAKING "module * does not compile: *", "a malformed source"},
    {MAKING "module does not compile: *", "a malformed source"},
    {MAKING "module main: it is *", "a malformed source"},
    {MAKING "module main: WebAssembly module: *", "a malformed source"},
    {MAKING "module main: module text (WAT): *", "a malformed source"},

    {MAKING "unknown import: *", "a missing import"},
    {MAKING "Invalid * import from extism:host/env: *", "a missing import"},
    {MAKING "incompatible import type for *", "a missing import"},
    {MAKING "types incompatible: *", "a missing import"},
    {MAKING "linked modules cannot access *", "a missing import"},

    {MAKING "Unable to load Wasm file*", "a module that cannot be read"},
    {MAKING "io: *", "a module that cannot be fetched"},
    {MAKING "invalid uri character", "a module that cannot be fetched"},
    {MAKING "bad uri: *", "a module that cannot be fetched"},
    {MAKING "http status: *", "a module that cannot be fetched"},
    {MAKING "module main: Unable to load Wasm from *", "a module that cannot be fetched"},
    {MAKING "Unable to load Wasm from *", "a module that cannot be fetched"},

    {MAKING "No such file or directory (os error 2)", "a folder that cannot be opened"},
    {MAKING "allowed_paths: *", "a folder that cannot be opened"},

    {"expected * arguments, got 0", "a wrong signature"},
    {"Function * has * results, expected 0 or 1", "a wrong signature"},
    {"export * is a function *; expected a function *", "a wrong signature"},
};

const char *error_kind(const char *text) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (fnmatch(kinds[i].pattern, text, 0) == 0) return kinds[i].kind;
  return NULL;
}
