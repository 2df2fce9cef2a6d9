//! Wasmi's C API (wasm.h) and what it lacks: the hooks of src/engine/wasm_c_api/hooks.h, where each is described.

use std::ffi::{c_char, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};
use wasmi_c_api::wasmi::{
    CompilationMode, Config, Engine, Error, Extern, Func, Module, Nullable, ResourceLimiter, ResumableCall, Store,
    StoreContextMut, TrapCode, Val,
};
use wasmi_c_api::*;
use wasmi_core::LimiterError;

const STACK_BYTES: usize = 512 << 10;
const CALL_DEPTH: usize = 20_000;

#[repr(C)]
pub struct Terms {
    memory_bytes_max: u64,
    table_elements_max: u64,
    refuel: extern "C" fn(user: *mut c_void, required: u64) -> bool,
    user: *mut c_void,
}
// Used by the thread alone that uses the store.
unsafe impl Send for Terms {}
unsafe impl Sync for Terms {}

pub struct Guard {
    store: *const wasm_store_t,
    terms: &'static Terms,
}

impl ResourceLimiter for &Terms {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool, LimiterError> {
        Ok(desired as u64 <= self.memory_bytes_max)
    }
    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool, LimiterError> {
        Ok(desired as u64 <= self.table_elements_max)
    }
    fn instances(&self) -> usize {
        usize::MAX
    }
    fn tables(&self) -> usize {
        usize::MAX
    }
    fn memories(&self) -> usize {
        usize::MAX
    }
}

// The C API's structs keep their fields to themselves. Those read here are `repr(C)` or `repr(transparent)` around one
// field, except for wasm_extern_t, whose fields are declared again in the same order; the sizes are compared below.
struct ExternFields {
    _store: WasmStoreRef,
    which: Extern,
}
const _: () = assert!(size_of::<ExternFields>() == size_of::<wasm_extern_t>());
const _: () = assert!(align_of::<ExternFields>() == align_of::<wasm_extern_t>());
const _: () = assert!(size_of::<Engine>() == size_of::<wasm_engine_t>());
const _: () = assert!(size_of::<Config>() == size_of::<wasm_config_t>());
const _: () = assert!(size_of::<Error>() == size_of::<wasm_trap_t>());
const _: () = assert!(size_of::<WasmStoreRef>() == size_of::<wasm_store_t>());

unsafe fn context(store: &wasm_store_t) -> StoreContextMut<'_, ()> {
    let inner = store as *const wasm_store_t as *mut WasmStoreRef;
    (*inner).context_mut()
}

unsafe fn function(func: &wasm_func_t) -> Func {
    match (*(func as *const wasm_func_t as *const ExternFields)).which {
        Extern::Func(function) => function,
        _ => unreachable!("a wasm_func_t is a function"),
    }
}

fn trap(error: Error) -> *mut wasm_trap_t {
    let text = error.to_string();
    Box::into_raw(unsafe { wasmi_trap_new(text.as_ptr(), text.len()) })
}

fn set_text(out: &mut wasm_byte_vec_t, text: String) {
    out.set_buffer(text.into_bytes().into_boxed_slice());
}

const PANICKED: &str = "the engine panicked";

/// What `body` answers, None where it panics: a panic that got to C would end the process.
fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(body)).ok()
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_engine_new(_counts_fuel: bool) -> Option<Box<wasm_engine_t>> {
    caught(|| {
        let mut config = wasm_config_new();
        let inner = &mut *(&mut *config as *mut wasm_config_t as *mut Config);
        inner.consume_fuel(true);
        inner.wasm_custom_page_sizes(true);
        inner.compilation_mode(CompilationMode::Eager);
        inner.set_max_stack_height(STACK_BYTES);
        inner.set_max_recursion_depth(CALL_DEPTH);
        wasm_engine_new_with_config(config)
    })
}

#[no_mangle]
pub extern "C" fn ubiq_hook_hindrance() -> *const c_char {
    null()
}

unsafe fn compile(
    engine: &wasm_engine_t,
    store: &mut wasm_store_t,
    wasm: &wasm_byte_vec_t,
) -> Result<Box<wasm_shared_module_t>, String> {
    if let Some(module) = wasm_module_new(store, wasm) {
        return Ok(wasm_module_share(&module));
    }
    let engine = &*(engine as *const wasm_engine_t as *const Engine);
    let error = Module::new(engine, wasm.as_slice()).err();
    Err(error.map_or(String::new(), |error| error.to_string()))
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_unit_new(
    engine: &wasm_engine_t,
    store: &mut wasm_store_t,
    wasm: &wasm_byte_vec_t,
    _counts_fuel: bool,
    message: &mut wasm_byte_vec_t,
) -> Option<Box<wasm_shared_module_t>> {
    let made = caught(|| compile(engine, store, wasm)).unwrap_or_else(|| Err(PANICKED.into()));
    made.map_err(|text| set_text(message, text)).ok()
}

#[no_mangle]
pub extern "C" fn ubiq_hook_unit_delete(unit: Box<wasm_shared_module_t>) {
    caught(|| drop(unit));
}

unsafe fn obtain(store: &mut wasm_store_t, unit: &wasm_shared_module_t) -> Box<wasm_module_t> {
    wasm_module_obtain(store, unit).expect("a unit is used with its own engine's stores")
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_imports(
    store: &mut wasm_store_t,
    unit: &wasm_shared_module_t,
    out: &mut wasm_importtype_vec_t,
) {
    caught(|| wasm_module_imports(&obtain(store, unit), out));
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_exports(
    store: &mut wasm_store_t,
    unit: &wasm_shared_module_t,
    out: &mut wasm_exporttype_vec_t,
) {
    caught(|| wasm_module_exports(&obtain(store, unit), out));
}

// Not among what it can do.
#[no_mangle]
pub extern "C" fn ubiq_hook_serialize(_: &wasm_shared_module_t, out: &mut wasm_byte_vec_t) {
    set_text(out, String::new());
}

#[no_mangle]
pub extern "C" fn ubiq_hook_deserialize(_: &wasm_byte_vec_t, _: bool) -> Option<Box<wasm_shared_module_t>> {
    None
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_trap_text(trap: &wasm_trap_t, out: &mut wasm_byte_vec_t) {
    let text = caught(|| (*(trap as *const wasm_trap_t as *const Error)).to_string());
    set_text(out, text.unwrap_or_else(|| PANICKED.into()));
}

unsafe fn limit(store: &wasm_store_t, terms: &'static Terms) {
    // `repr(transparent)` around the reference.
    let inner: &mut Store<()> = std::mem::transmute(context(store));
    let mut limiter: &'static Terms = terms;
    inner.limiter(move |_| {
        let limiter: *mut &'static Terms = &mut limiter;
        unsafe { &mut *limiter }
    });
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_guard_new(store: &wasm_store_t, terms: &'static Terms) -> Option<Box<Guard>> {
    caught(|| limit(store, terms))?;
    Some(Box::new(Guard { store, terms }))
}

#[no_mangle]
pub extern "C" fn ubiq_hook_guard_delete(_: Box<Guard>) {}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_instance_new(
    guard: &Guard,
    unit: &wasm_shared_module_t,
    imports: &wasm_extern_vec_t,
    out: &mut Option<Box<wasm_instance_t>>,
) -> *mut wasm_trap_t {
    let mut failure = null_mut();
    let store = &mut *guard.store.cast_mut();
    let made = caught(|| {
        let module = obtain(store, unit);
        wasm_instance_new(store, &module, imports, Some(&mut failure))
    });
    let panicked = made.is_none();
    *out = made.flatten();
    if out.is_none() && failure.is_null() {
        return trap(Error::new(if panicked { PANICKED } else { "no instance was made" }));
    }
    failure
}

// The fuel in a store is one slice: between two of them ticks are seen.
#[no_mangle]
pub extern "C" fn ubiq_hook_tick() {}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_fuel_get(guard: &Guard) -> u64 {
    caught(|| context(&*guard.store).get_fuel().unwrap_or(0)).unwrap_or(0)
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_fuel_set(guard: &Guard, fuel: u64) {
    caught(|| drop(context(&*guard.store).set_fuel(fuel)));
}

unsafe fn call(guard: &Guard, function: Func, arguments: &[Val], results: &mut [Val]) -> Result<(), Error> {
    let mut state = function.call_resumable(context(&*guard.store), arguments, results)?;
    loop {
        state = match state {
            ResumableCall::Finished => return Ok(()),
            ResumableCall::HostTrap(call) => return Err(Error::new(call.host_error().to_string())),
            ResumableCall::OutOfFuel(call) => {
                if !(guard.terms.refuel)(guard.terms.user, call.required_fuel()) {
                    return Err(Error::from(TrapCode::OutOfFuel));
                }
                call.resume(context(&*guard.store), results)?
            }
        }
    }
}

#[no_mangle]
pub unsafe extern "C" fn ubiq_hook_call(
    guard: &Guard,
    func: &wasm_func_t,
    arguments: &wasm_val_vec_t,
    results: &mut wasm_val_vec_t,
) -> *mut wasm_trap_t {
    let given: Vec<Val> = arguments.as_slice().iter().map(wasm_val_t::to_val).collect();
    let slots = results.as_uninit_slice();
    let mut taken = vec![Val::FuncRef(Nullable::Null); slots.len()];
    let function = function(func);
    match caught(|| call(guard, function, &given, &mut taken)) {
        Some(Ok(())) => {
            for (slot, value) in slots.iter_mut().zip(taken) {
                slot.write(wasm_val_t::from(value));
            }
            null_mut()
        }
        Some(Err(error)) => trap(error),
        None => trap(Error::new(PANICKED)),
    }
}
