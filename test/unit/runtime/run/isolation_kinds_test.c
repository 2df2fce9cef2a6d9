// All kinds of state that a module may have: what a run changes no other run finds, whether an engine puts it back in an
// instance that is used again, ends such instances, or does not merge such modules at all.
#include "unit/runtime/begin_testing.h"
#include "unit/runtime/run/isolation_testing.h"

/// One kind of state: what a module declares for it, an expression (i32) that is not 0 or traps where it is not as it began,
/// and what changes it.
typedef struct kind {
  const char *name, *state, *seen, *change;
} kind;

#define TABLE  "(table $t 2 4 funcref) (elem (i32.const 0) func $f) (func $f)"
#define ELEM_0 "(ref.is_null (table.get $t (i32.const 0)))"
#define STRUCT "(type $s (struct (field (mut i32)))) (global $g (ref $s) (struct.new $s (i32.const 1)))"
#define ARRAY  "(type $a (array (mut i32))) (global $g (ref $a) (array.new $a (i32.const 1) (i32.const 3)))"
#define COUNTER                                                                                                        \
  "(memory 1) (global $g (mut i32) (i32.const 0))"                                                                     \
  "(func $begin (global.set $g (i32.add (global.get $g) (i32.const 1)))"                                               \
  " (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1))))"
#define NOT_ONCE "(i32.or (i32.ne (global.get $g) (i32.const 1)) (i32.ne (i32.load8_u (i32.const 0)) (i32.const 1)))"

static const kind kinds[] = {
    {"vector", "(global $g (mut v128) (v128.const i64x2 1 2))",
     "(v128.any_true (v128.xor (global.get $g) (v128.const i64x2 1 2)))", "(global.set $g (v128.const i64x2 3 4))"},
    {"exported global", "(global $g (export \"g\") (mut i32) (i32.const 1))", "(i32.ne (global.get $g) (i32.const 1))",
     "(global.set $g (i32.const 2))"},
    {"not a number", "(global $g (mut f64) (f64.const nan:0x123))",
     "(i64.ne (i64.reinterpret_f64 (global.get $g)) (i64.const 0x7ff0000000000123))",
     "(global.set $g (f64.const nan:0x124))"},
    {"sum", "(global $g (mut i32) (i32.add (i32.const 2) (i32.const 3)))", "(i32.ne (global.get $g) (i32.const 5))",
     "(global.set $g (i32.const 2))"},
    {"another global's value", "(global $o i64 (i64.const 2)) (global $g (mut i64) (global.get $o))",
     "(i64.ne (global.get $g) (i64.const 2))", "(global.set $g (i64.const 3))"},
    {"function reference", "(func $f) (elem declare func $f) (global $g (mut funcref) (ref.func $f))",
     "(ref.is_null (global.get $g))", "(global.set $g (ref.null func))"},
    {"host reference", "(global $g (mut externref) (ref.null extern))", "(i32.eqz (ref.is_null (global.get $g)))",
     "(global.set $g (extern.convert_any (ref.i31 (i32.const 1))))"},
    {"second memory", "(memory 1) (memory $m 1) (data (memory $m) (i32.const 3) \"x\")",
     "(i32.ne (i32.load8_u $m (i32.const 3)) (i32.const 120))", "(i32.store8 $m (i32.const 3) (i32.const 1))"},
    {"four memories", "(memory 1) (memory 1) (memory 1) (memory $m 1)", "(i32.load8_u $m (i32.const 9))",
     "(i32.store8 $m (i32.const 9) (i32.const 1))"},
    {"large memory", "(memory 3)", "(i32.load8_u (i32.const 196607))", "(i32.store8 (i32.const 196607) (i32.const 1))"},
    {"large memory's far page", "(memory 17) (data (i32.const 1048576) \"x\")",
     "(i32.ne (i32.load (i32.const 1048576)) (i32.const 120))", "(i32.store (i32.const 1048577) (i32.const 1))"},
    {"large memory that grows", "(memory 17)", "(i32.ne (memory.size) (i32.const 17))",
     "(drop (memory.grow (i32.const 2)))"},
    {"large memory that grows to its end", "(memory 17 18)", "(i32.ne (memory.grow (i32.const 1)) (i32.const 17))", ""},
    {"what a large memory has grown", "(memory 17)",
     "(block (result i32) (drop (memory.grow (i32.const 1))) (i32.load (i32.const 1114112)))",
     "(i32.store (i32.const 1114112) (i32.const 1))"},
    {"end of a large memory", "(memory 17) (global $g (mut i32) (i32.const 0))",
     "(i32.ne (i32.const 17) (memory.grow (i32.const 3)))", "(i32.store (i32.const 1310716) (i32.const 1))"},
    {"large memory of 64 bits", "(memory i64 17)", "(i32.load8_u (i64.const 1114111))",
     "(i32.store8 (i64.const 1114111) (i32.const 1)) (drop (memory.grow (i64.const 1)))"},
    {"large memory that is filled", "(memory 17)", "(i32.load8_u (i32.const 500000))",
     "(memory.fill (i32.const 0) (i32.const 1) (i32.const 1114112))"},
    {"large memory that is huge", "(memory 17)",
     "(block (result i32) (drop (memory.grow (i32.const 100))) (i32.load8_u (i32.const 7000000)))",
     "(memory.fill (i32.const 0) (i32.const 1) (i32.const 7600000))"},
    {"two large memories", "(memory 17) (memory $m 5) (data (memory $m) (i32.const 3) \"x\")",
     "(i32.or (i32.load8_u $m (i32.const 300000)) (i32.ne (memory.grow $m (i32.const 1)) (i32.const 5)))",
     "(i32.store8 $m (i32.const 300000) (i32.const 1))"},
    {"small and large memory", "(memory 1) (memory $m 17)",
     "(i32.or (i32.load8_u (i32.const 9)) (i32.load8_u $m (i32.const 1000000)))",
     "(i32.store8 $m (i32.const 1000000) (i32.const 1)) (i32.store8 (i32.const 9) (i32.const 1))"},
    {"second memory's name",
     "(memory $a (export \"a\") 5) (memory $m (export \"memory\") 17) (data (memory $m) (i32.const 3) \"x\")",
     "(i32.or (i32.load8_u $a (i32.const 200000)) (i32.ne (i32.load8_u $m (i32.const 3)) (i32.const 120)))",
     "(i32.store8 $a (i32.const 200000) (i32.const 1)) (i32.store8 $m (i32.const 3) (i32.const 1))"},
    {"copy between large memories", "(memory 17) (memory $m 5) (data (memory $m) (i32.const 3) \"x\")",
     "(i32.load8_u (i32.const 900003))", "(memory.copy 0 $m (i32.const 900000) (i32.const 0) (i32.const 9))"},
    {"large memory that is initialized", "(memory 17) (data $d \"xyz\")", "(i32.load8_u (i32.const 900003))",
     "(memory.init $d (i32.const 900002) (i32.const 0) (i32.const 3))"},
    {"lane in a large memory", "(memory 17)", "(i32.load8_u (i32.const 900000))",
     "(v128.store8_lane 0 (i32.const 900000) (v128.const i64x2 1 2))"},
    {"atomic in a large memory", "(memory 17)", "(i32.load8_u (i32.const 900000))",
     "(drop (i32.atomic.rmw.add (i32.const 900000) (i32.const 1)))"},
    {"large memory that is refused growth", "(memory 17)", "(i32.load8_u (i32.const 900000))",
     "(drop (memory.grow (i32.const 1))) (drop (memory.grow (i32.const 65000)))"
     " (i32.store8 (i32.const 900000) (i32.const 1))"},
    {"large memory at its limit", "(memory 17)", "(i32.ne (memory.size) (i32.const 17))",
     "(loop $more (br_if $more (i32.ge_s (memory.grow (i32.const 7)) (i32.const 0))))"},
    {"memory of no pages", "(memory 0)",
     "(block (result i32) (drop (memory.grow (i32.const 5))) (i32.load (i32.const 300000)))",
     "(i32.store (i32.const 300000) (i32.const 1))"},
    {"large memory and data.drop", "(memory 17) (data $d \"x\")",
     "(block (result i32) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0))",
     "(i32.store8 (i32.const 1000000) (i32.const 1)) (data.drop $d)"},
    {"large memory and table", "(memory 17) " TABLE, ELEM_0,
     "(i32.store8 (i32.const 1000000) (i32.const 1)) (table.set $t (i32.const 0) (ref.null func))"},
    {"large memory and object", "(memory 17) " STRUCT, "(i32.ne (struct.get $s 0 (global.get $g)) (i32.const 1))",
     "(struct.set $s 0 (global.get $g) (i32.const 2))"},
    {"memory of 64 bits", "(memory i64 1)", "(i32.load8_u (i64.const 65535))",
     "(i32.store8 (i64.const 65535) (i32.const 1))"},
    {"small pages", "(memory 100 200 (pagesize 1))", "(i32.load8_u (i32.const 99))",
     "(i32.store8 (i32.const 99) (i32.const 1))"},
    {"one byte more", "(memory 100 200 (pagesize 1))", "(i32.ne (memory.size) (i32.const 100))",
     "(drop (memory.grow (i32.const 1)))"},
    {"no memory", "(memory 0 1) (global $g (mut i32) (i32.const 0))", "(i32.or (global.get $g) (memory.size))",
     "(global.set $g (i32.const 1)) (drop (memory.grow (i32.const 1)))"},
    {"refused growth", "(memory 1 1)", "(i32.load8_u (i32.const 9))",
     "(i32.store8 (i32.const 9) (memory.grow (i32.const 1)))"},
    {"growth by nothing", "(memory 1)", "(i32.load8_u (i32.const 9))",
     "(i32.store8 (i32.const 9) (memory.grow (i32.const 0)))"},
    {"atomic", "(memory 1)", "(i32.load8_u (i32.const 8))", "(drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))"},
    {"vector store", "(memory 1)", "(i32.load8_u (i32.const 8))",
     "(v128.store8_lane 0 (i32.const 8) (v128.const i64x2 1 2))"},
    {"memory copy", "(memory 1) (data (i32.const 0) \"x\")", "(i32.load8_u (i32.const 8))",
     "(memory.copy (i32.const 8) (i32.const 0) (i32.const 1))"},
    {"table.set", TABLE, ELEM_0, "(table.set $t (i32.const 0) (ref.null func))"},
    {"table.grow", TABLE, "(i32.ne (table.size $t) (i32.const 2))",
     "(drop (table.grow $t (ref.null func) (i32.const 1)))"},
    {"table.fill", TABLE, ELEM_0, "(table.fill $t (i32.const 0) (ref.null func) (i32.const 1))"},
    {"table.copy", TABLE, ELEM_0, "(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1))"},
    {"table.init", TABLE "(elem $e funcref (ref.null func))", ELEM_0,
     "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))"},
    {"elem.drop", TABLE "(elem $e func $f)",
     "(block (result i32) (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0))",
     "(elem.drop $e)"},
    {"data.drop", "(memory 1) (data $d \"x\")",
     "(block (result i32) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0))", "(data.drop $d)"},
    {"object", STRUCT, "(i32.ne (struct.get $s 0 (global.get $g)) (i32.const 1))",
     "(struct.set $s 0 (global.get $g) (i32.const 2))"},
    {"array", ARRAY, "(i32.ne (array.get $a (global.get $g) (i32.const 2)) (i32.const 1))",
     "(array.set $a (global.get $g) (i32.const 2) (i32.const 2))"},
    {"exception", "(memory 1) (tag $e (param i32)) (global $g (mut i32) (i32.const 0))", "(global.get $g)",
     "(global.set $g (block $h (result i32) (try_table (catch $e $h) (throw $e (i32.const 7))) (unreachable)))"},
    {"tail call",
     "(global $g (mut i32) (i32.const 0)) (func $set (result i32) (global.set $g (i32.const 1)) (i32.const 0))",
     "(global.get $g)", "(return_call $set)"},
    {"start", COUNTER "(start $begin)", NOT_ONCE, "(call $begin)"},
    {"initialize", COUNTER "(export \"_initialize\" (func $begin))", NOT_ONCE, "(call $begin)"},
    // Names that are the host's in a merged module, which this one must then not become.
    {"name", "(global $g (mut i32) (i32.const 0)) (func (export \"ubiq:kernel/rewind\") (result i32) (i32.const 1))",
     "(global.get $g)", "(global.set $g (i32.const 1))"},
    {"memory's name", "(memory (export \"ubiq:kernel/memory\") 1)", "(i32.load8_u (i32.const 8))",
     "(i32.store8 (i32.const 8) (i32.const 1))"},
    {"last name", "(global $g (mut i32) (i32.const 0)) (func (export \"rewind\") (result i32) (i32.const 2))",
     "(global.get $g)", "(global.set $g (i32.const 1))"},
};

static char *module_of(const kind *kind) {
  static const char text[] = "(module %s (func (export \"run\") (result i32)"
                             " (if %s (then (return (i32.const 1)))) %s (i32.const 0)))";
  size_t size = sizeof text + strlen(kind->state) + strlen(kind->seen) + strlen(kind->change);
  char *module = malloc(size);
  assert_non_null(module);
  snprintf(module, size, text, kind->state, kind->seen, kind->change);
  return module;
}

static void make_kind(fixture *self, const kind *kind, const char *toml) {
  char *module = module_of(kind);
  make_with(self, toml, module);
  free(module);
}

/// Whether a run found anything, told by its error.
static bool has_found(fixture *self) {
  counted one;
  run_to_end(self, 0, &one);
  bool found = one.run.error != NULL;
  run_end(&one.run);
  return found;
}

static void no_run_finds_what_another_changed(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    fixture self;
    make_kind(&self, &kinds[i], "[functions.run]\nwasm = 'guest.wat'\npool = { min = 0, overprovision = 0 }\n");
    for (int run = 0; run < 6; run++)
      if (has_found(&self)) fail_msg("%s: run %d", kinds[i].name, run);
    end(&self);
  }
}

/// So the guests can tell.
static void all_is_found_in_an_instance_that_is_reused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    fixture self;
    make_kind(&self, &kinds[i], "[functions.run]\nwasm = 'guest.wat'\ninstance = 'reuse'\npool = { min = 0 }\n");
    if (has_found(&self)) fail_msg("%s: the first run", kinds[i].name);
    if (!has_found(&self)) fail_msg("%s: it cannot tell", kinds[i].name);
    end(&self);
  }
}

#define SPIN(memory)                                                                                                   \
  "(module " memory " (global $g (mut i32) (i32.const 0)) (func $change (global.set $g (i32.const 1))"                 \
  " (drop (memory.grow (i32.const 1))) (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)))"                   \
  " (func (export \"look\") (result i32) (if (i32.or (global.get $g) (i32.load8_u (i32.const 9)))"                     \
  "   (then (return (i32.const 1)))) (call $change) (i32.const 0))"                                                    \
  " (func (export \"spin\") (result i32) (call $change) (loop $more (br $more)) (i32.const 0))"                        \
  " (func (export \"trap\") (result i32) (call $change) (unreachable)))"

static void stop_some(const char *module) {
  enum { LOOK, SPINS, TRAPS, ENDS };
  static const ubiq_code expected[] = {[SPINS] = UBIQ_TIMEOUT, [TRAPS] = UBIQ_TRAP};
  fixture self;
  make_with(
      &self,
      "[functions.a]\nwasm = 'guest.wat'\nexport = 'look'\npool = { min = 0, overprovision = 0 }\n"
      "[functions.b]\nwasm = 'guest.wat'\nexport = 'spin'\ntimeout = '20ms'\npool = { min = 0, overprovision = 0 }\n"
      "[functions.c]\nwasm = 'guest.wat'\nexport = 'trap'\npool = { min = 0, overprovision = 0 }\n",
      module);
  for (int i = 0; i < 12; i++) {
    counted one;
    run_to_end(&self, (size_t)i % ENDS, &one);
    assert_int_equal(ubiq_error_code(one.run.error), expected[i % ENDS]);
    run_end(&one.run);
  }
  end(&self);
}

static void no_run_finds_what_a_stopped_one_left(void **state) {
  (void)state;
  stop_some(SPIN("(memory 1)"));
  stop_some(SPIN("(memory 17)"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_run_finds_what_another_changed),
      cmocka_unit_test(all_is_found_in_an_instance_that_is_reused),
      cmocka_unit_test(no_run_finds_what_a_stopped_one_left),
  };
  begin();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
