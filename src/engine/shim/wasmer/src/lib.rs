//! Wasmer's C API (wasm.h) and what it lacks: the hooks of src/engine/wasm_c_api/hooks.h, where each is described.

mod edit;
mod guard;
mod limits;
mod watch;

use guard::{Guard, Terms};
use std::ffi::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use wasmer::wasm_c_api::engine::wasm_engine_t;
use wasmer::wasm_c_api::externals::{wasm_extern_t, wasm_extern_vec_t, wasm_func_t};
use wasmer::wasm_c_api::instance::wasm_instance_t;
use wasmer::wasm_c_api::store::{wasm_store_t, StoreRef};
use wasmer::wasm_c_api::trap::wasm_trap_t;
use wasmer::wasm_c_api::types::{wasm_byte_vec_t, wasm_exporttype_vec_t, wasm_importtype_vec_t};
use wasmer_api::sys::NativeEngineExt;
use wasmer_api::{
    CompileError, Engine, Extern, Function, Instance, InstantiationError, LinkError, Module, RuntimeError, Value,
};
use wasmer_compiler::{CompilerConfig, EngineBuilder};
use wasmer_types::{
    ExportType, ExternType, Features, FrameInfo, FunctionType, GlobalType, ImportType, MemoryType, Mutability,
    TableType, Type,
};

// The C API's structs keep their fields to themselves. Most have one; those of more are declared again here with the same
// fields in the same order. The sizes are compared.
struct ExternFields {
    which: Extern,
    _store: StoreRef,
}
struct InstanceFields {
    _store: StoreRef,
    _instance: Instance,
}
const fn is_alike<A, B>() -> bool {
    size_of::<A>() == size_of::<B>() && align_of::<A>() == align_of::<B>()
}
const _: () = assert!(is_alike::<ExternFields, wasm_extern_t>());
const _: () = assert!(is_alike::<ExternFields, wasm_func_t>());
const _: () = assert!(is_alike::<InstanceFields, wasm_instance_t>());
const _: () = assert!(is_alike::<Engine, wasm_engine_t>());
const _: () = assert!(is_alike::<StoreRef, wasm_store_t>());
const _: () = assert!(is_alike::<RuntimeError, wasm_trap_t>());

unsafe fn store_ref(store: *const wasm_store_t) -> &'static StoreRef {
    &*(store as *const StoreRef)
}

unsafe fn which(of: *const ExternFields) -> &'static Extern {
    &(*of).which
}

fn trap(error: RuntimeError) -> *mut wasm_trap_t {
    Box::into_raw(Box::new(error)) as *mut wasm_trap_t
}

const PANICKED: &str = "the engine panicked";

/// What `body` answers, None where it panics: a panic that got to C would end the process.
fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(body)).ok()
}

fn engine_new(counts_fuel: bool) -> Engine {
    let mut compiler = wasmer_api::sys::Cranelift::new();
    compiler.push_middleware(Arc::new(watch::Watch::new(counts_fuel)));
    let mut features = Features::new();
    features.exceptions(true).relaxed_simd(true).wide_arithmetic(true);
    let mut engine = Engine::from(EngineBuilder::new(compiler).set_features(Some(features)));
    engine.set_tunables(limits::LimitedTunables::new(counts_fuel));
    engine
}

#[no_mangle]
pub extern "C" fn ubiq_hook_engine_new(counts_fuel: bool) -> *mut wasm_engine_t {
    let made = caught(|| {
        wasmer_vm::init_traps(); // now, and not when the first store is made: a host sees its signal handlers change once
        Box::into_raw(Box::new(engine_new(counts_fuel))) as *mut wasm_engine_t
    });
    made.unwrap_or(null_mut())
}

/// Each has an engine of its own, with which its code ends: an engine keeps all code that was ever made with it, refuses a
/// type whose hash another module's type has, and is of no more use when the compiler panicked.
pub struct Unit {
    module: Module,
    _engine: Engine,
}

impl Unit {
    fn new(counts_fuel: bool, make: impl FnOnce(&Engine) -> Result<Module, String>) -> Result<Box<Self>, String> {
        let made = caught(|| {
            let engine = engine_new(counts_fuel);
            let module = make(&engine)?;
            Ok(Box::new(Self {
                module,
                _engine: engine,
            }))
        });
        made.unwrap_or_else(|| Err(PANICKED.into()))
    }
}

// Wasmer panics where code cannot be made executable, and then its engine is of no more use.
fn may_execute() -> bool {
    const PAGE: usize = 4096;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    unsafe {
        let page = libc::mmap(null_mut(), PAGE, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        let may = page != libc::MAP_FAILED && libc::mprotect(page, PAGE, libc::PROT_READ | libc::PROT_EXEC) == 0;
        if page != libc::MAP_FAILED {
            libc::munmap(page, PAGE);
        }
        may
    }
}

#[no_mangle]
pub extern "C" fn ubiq_hook_hindrance() -> *const c_char {
    let text = c"memory may not be made executable; take an engine that interprets (see docs/engines.md)";
    if may_execute() {
        null()
    } else {
        text.as_ptr()
    }
}

fn compile(engine: &Engine, wasm: &[u8], counts_fuel: bool) -> Result<Module, String> {
    Module::validate(engine, wasm).map_err(|error| match error {
        CompileError::Validate(text) => text,
        other => other.to_string(),
    })?;
    let edited = edit::with_pause(wasm, counts_fuel).ok_or("the module's sections cannot be read")?;
    Module::new(engine, edited).map_err(|error| error.to_string())
}

#[no_mangle]
pub extern "C" fn ubiq_hook_unit_new(
    _: *const wasm_engine_t,
    _: *mut wasm_store_t,
    wasm: &wasm_byte_vec_t,
    counts_fuel: bool,
    message: &mut wasm_byte_vec_t,
) -> Option<Box<Unit>> {
    let made = Unit::new(counts_fuel, |engine| compile(engine, wasm.as_slice(), counts_fuel));
    made.map_err(|text| message.set_buffer(text.into_bytes())).ok()
}

#[no_mangle]
pub extern "C" fn ubiq_hook_unit_delete(unit: Box<Unit>) {
    caught(|| drop(unit));
}

/// Grows with every change to what edit.rs and watch.rs put into code: what was kept before is then compiled anew.
const CODE: u8 = 2;

// Behind what Wasmer serializes stands whether the code is for plenty of addresses, and CODE.
#[no_mangle]
pub extern "C" fn ubiq_hook_serialize(unit: &Unit, out: &mut wasm_byte_vec_t) {
    let made = caught(|| unit.module.serialize().map_or(Vec::new(), |bytes| bytes.to_vec()));
    let mut bytes = made.unwrap_or_default();
    if !bytes.is_empty() {
        bytes.extend([limits::has_plenty().into(), CODE]);
    }
    out.set_buffer(bytes);
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_deserialize(bytes: &wasm_byte_vec_t, counts_fuel: bool) -> Option<Box<Unit>> {
    let [bytes @ .., for_plenty, code] = bytes.as_slice() else {
        return None;
    };
    if *code != CODE || (*for_plenty != 0) != limits::has_plenty() {
        return None;
    }
    let load = |engine: &Engine| Module::deserialize(engine, bytes).map_err(|error| error.to_string());
    Unit::new(counts_fuel, load).ok()
}

// The C API panics at types that it does not know, such as vectors.
fn of_kind(ty: &ExternType) -> ExternType {
    match ty {
        ExternType::Function(_) => ExternType::Function(FunctionType::new([], [])),
        ExternType::Table(_) => ExternType::Table(TableType::new(Type::FuncRef, 0, None)),
        ExternType::Memory(_) => ExternType::Memory(MemoryType::new(0, None, false)),
        ExternType::Global(_) | ExternType::Tag(_) => ExternType::Global(GlobalType::new(Type::I32, Mutability::Const)),
    }
}

#[no_mangle]
pub extern "C" fn ubiq_hook_imports(_: *mut wasm_store_t, unit: &Unit, out: &mut wasm_importtype_vec_t) {
    let imports = || unit.module.imports();
    let own = |import: ImportType| ImportType::new(import.module(), import.name(), of_kind(import.ty()));
    caught(|| out.set_buffer(imports().map(|import| Some(Box::new(own(import).into()))).collect()));
}

#[no_mangle]
pub extern "C" fn ubiq_hook_exports(_: *mut wasm_store_t, unit: &Unit, out: &mut wasm_exporttype_vec_t) {
    let exports = || unit.module.exports();
    let own = |export: ExportType| ExportType::new(export.name(), of_kind(export.ty()));
    caught(|| out.set_buffer(exports().map(|export| Some(Box::new(own(export).into()))).collect()));
}

/// How many frames are told of, and how much of a function's name.
const FRAMES_MAX: usize = 12;
const NAME_BYTES_MAX: usize = 80;

fn name_of(frame: &FrameInfo) -> String {
    match frame.function_name() {
        Some(name) if !name.is_empty() => name[..name.floor_char_boundary(NAME_BYTES_MAX)].into(),
        _ => format!("function {}", frame.func_index()),
    }
}

fn text_of(error: &RuntimeError) -> String {
    let frames = error.trace();
    if frames.is_empty() {
        return error.message();
    }
    let mut names: Vec<String> = frames.iter().take(FRAMES_MAX).map(name_of).collect();
    if frames.len() > FRAMES_MAX {
        names.push("...".into());
    }
    format!("{}\n (in {})", error.message(), names.join(" < "))
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_trap_text(trap: *const wasm_trap_t, out: &mut wasm_byte_vec_t) {
    let text = caught(|| text_of(&*(trap as *const RuntimeError)));
    out.set_buffer(text.unwrap_or_else(|| PANICKED.into()).into_bytes());
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_guard_new(store: *mut wasm_store_t, terms: &'static Terms) -> *mut Guard {
    caught(|| Box::into_raw(Guard::new(store_ref(store).clone(), terms))).unwrap_or(null_mut())
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_guard_delete(guard: *mut Guard) {
    caught(|| drop(Box::from_raw(guard)));
}

#[no_mangle]
pub extern "C" fn ubiq_hook_tick() {
    caught(guard::tick);
}

#[no_mangle]
pub extern "C" fn ubiq_hook_fuel_get(guard: &Guard) -> u64 {
    caught(|| guard.fuel()).unwrap_or(0)
}

#[no_mangle]
pub extern "C" fn ubiq_hook_fuel_set(guard: &Guard, fuel: u64) {
    caught(|| guard.set_fuel(fuel));
}

fn instantiation_error(error: InstantiationError) -> RuntimeError {
    match error {
        InstantiationError::Start(error) | InstantiationError::Link(LinkError::Trap(error)) => error,
        other => RuntimeError::new(other.to_string()),
    }
}

fn instantiate(guard: &Guard, module: &Module, externs: &[Extern]) -> Result<Instance, RuntimeError> {
    let mut store = guard.store().clone();
    let mut store = unsafe { store.store_mut() };
    let make = || Instance::new_by_index(&mut store, module, externs);
    let (made, meter) = limits::instantiate(&guard.terms.limits, make);
    let instance = made.map_err(instantiation_error)?;
    let table = instance
        .exports
        .get_table(edit::TABLE)
        .map_err(|error| RuntimeError::new(error.to_string()))?;
    table.set(&mut store, 0, Value::FuncRef(Some(guard.pause_function())))?;
    guard.add(meter.ok_or_else(|| RuntimeError::new("an instance has no meter"))?);
    Ok(instance)
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_instance_new(
    guard: &Guard,
    unit: &Unit,
    imports: &wasm_extern_vec_t,
    out: &mut *mut wasm_instance_t,
) -> *mut wasm_trap_t {
    let pointer =
        |import: &Option<Box<wasm_extern_t>>| import.as_deref().expect("all are given") as *const wasm_extern_t;
    let made = caught(|| {
        let imports = imports
            .as_slice()
            .iter()
            .map(|import| which(pointer(import).cast()).clone());
        instantiate(guard, &unit.module, &imports.collect::<Vec<_>>())
    });
    match made.unwrap_or_else(|| Err(RuntimeError::new(PANICKED))) {
        Ok(instance) => {
            let made = InstanceFields {
                _store: guard.store().clone(),
                _instance: instance,
            };
            *out = Box::into_raw(Box::new(made)) as *mut wasm_instance_t;
            null_mut()
        }
        Err(error) => trap(error),
    }
}

/// wasm_val_t, whose union is closed to others.
#[repr(C)]
pub struct Number {
    kind: u8,
    bits: u64,
}

/// wasm_val_vec_t.
#[repr(C)]
pub struct Numbers {
    count: usize,
    numbers: *mut Number,
}

impl Numbers {
    unsafe fn as_slice(&self) -> &mut [Number] {
        if self.count == 0 {
            return &mut [];
        }
        std::slice::from_raw_parts_mut(self.numbers, self.count)
    }
}

// wasm_valkind_t
const I32: u8 = 0;
const I64: u8 = 1;
const F32: u8 = 2;

fn value_of(number: &Number) -> Value {
    match number.kind {
        I32 => Value::I32(number.bits as i32),
        I64 => Value::I64(number.bits as i64),
        F32 => Value::F32(f32::from_bits(number.bits as u32)),
        _ => Value::F64(f64::from_bits(number.bits)),
    }
}

fn number_of(value: &Value) -> Number {
    match *value {
        Value::I32(value) => Number {
            kind: I32,
            bits: value as u32 as u64,
        },
        Value::I64(value) => Number {
            kind: I64,
            bits: value as u64,
        },
        Value::F32(value) => Number {
            kind: F32,
            bits: value.to_bits() as u64,
        },
        Value::F64(value) => Number {
            kind: F32 + 1,
            bits: value.to_bits(),
        },
        _ => unreachable!("only functions of numbers are called"),
    }
}

fn call(guard: &Guard, function: &Function, arguments: &[Number], results: &mut [Number]) -> Result<(), RuntimeError> {
    let given: Vec<Value> = arguments.iter().map(value_of).collect();
    let taken = guard.run(|store| function.call(store, &given))?;
    for (slot, value) in results.iter_mut().zip(taken.iter()) {
        *slot = number_of(value);
    }
    Ok(())
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_call(
    guard: &Guard,
    function: *const wasm_func_t,
    arguments: &Numbers,
    results: &Numbers,
) -> *mut wasm_trap_t {
    let Extern::Function(function) = which(function.cast()) else {
        unreachable!("a wasm_func_t is a function")
    };
    let called = caught(|| call(guard, function, arguments.as_slice(), results.as_slice()));
    match called.unwrap_or_else(|| Err(RuntimeError::new(PANICKED))) {
        Ok(()) => null_mut(),
        Err(error) => trap(error),
    }
}
