//! What a store has beside the C API's own: the terms it runs on, its meters, and the function that its code calls to
//! pause. Ticks come from another thread: they raise the flags of all stores that run. What a process shares for that
//! is a count of ticks and a list of who runs.

use crate::limits::{Limits, Meter};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use wasmer::wasm_c_api::store::StoreRef;
use wasmer_api::{AsStoreMut, Function, FunctionEnv, FunctionEnvMut, RuntimeError, StoreMut};

/// How much an instance is given at a time: those of a store share its fuel.
const PORTION: u64 = 4096;

pub const OUT_OF_FUEL: &str = "all fuel consumed";

#[repr(C)]
pub struct Terms {
    pub limits: Limits,
    refuel: extern "C" fn(user: *mut c_void, required: u64) -> bool,
    user: *mut c_void,
}

/// What ticks need to know of a store: the addresses of the flags in its instances.
#[derive(Default)]
struct Flags(Mutex<Vec<usize>>);

impl Flags {
    fn set(&self, value: i32) {
        for &flag in self.0.lock().unwrap().iter() {
            unsafe { AtomicI32::from_ptr(flag as *mut i32) }.store(value, Relaxed);
        }
    }
}

static TICKS: AtomicU64 = AtomicU64::new(0);
static RUNNING: Mutex<Vec<Arc<Flags>>> = Mutex::new(Vec::new());

pub fn tick() {
    let running = RUNNING.lock().unwrap();
    TICKS.fetch_add(1, Relaxed);
    running.iter().for_each(|flags| flags.set(1));
}

/// While it lives, ticks reach a store.
struct Run<'a>(&'a Arc<Flags>);

impl<'a> Run<'a> {
    fn new(flags: &'a Arc<Flags>) -> Self {
        RUNNING.lock().unwrap().push(flags.clone());
        Self(flags)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap();
        let place = running.iter().position(|flags| Arc::ptr_eq(flags, self.0));
        running.swap_remove(place.expect("a run is in the list"));
    }
}

pub struct Guard {
    store: StoreRef,
    pub terms: &'static Terms,
    flags: Arc<Flags>,
    ticks: Cell<u64>, // when it last paused
    meters: RefCell<Vec<Meter>>,
    unspent: Cell<u64>, // fuel that no instance has been given
    pause: Option<Function>,
}

struct GuardPointer(*const Guard);
unsafe impl Send for GuardPointer {}

impl Guard {
    pub fn new(store: StoreRef, terms: &'static Terms) -> Box<Self> {
        let mut guard = Box::new(Self {
            store,
            terms,
            flags: Arc::default(),
            ticks: Cell::new(0),
            meters: RefCell::default(),
            unspent: Cell::new(0),
            pause: None,
        });
        let pointer = GuardPointer(&*guard);
        let mut store = guard.store.clone();
        let mut store = unsafe { store.store_mut() };
        let env = FunctionEnv::new(&mut store, pointer);
        let pause = |env: FunctionEnvMut<GuardPointer>| unsafe { &*env.data().0 }.pause();
        guard.pause = Some(Function::new_typed_with_env(&mut store, &env, pause));
        guard
    }

    pub fn store(&self) -> &StoreRef {
        &self.store
    }

    pub fn pause_function(&self) -> Function {
        self.pause.clone().expect("set when the guard is made")
    }

    pub fn add(&self, meter: Meter) {
        self.meters.borrow_mut().push(meter);
        self.flags.0.lock().unwrap().push(meter.flag as usize);
    }

    /// Runs a call; ticks reach it, also one that came since it last paused.
    pub fn run<T>(&self, call: impl FnOnce(&mut StoreMut) -> T) -> T {
        let mut store = self.store.clone();
        let mut store = unsafe { store.store_mut() };
        let _run = Run::new(&self.flags);
        if TICKS.load(Relaxed) != self.ticks.get() {
            self.flags.set(1);
        }
        call(&mut store.as_store_mut())
    }

    fn fuels(&self) -> impl Iterator<Item = *mut i64> {
        let fuels: Vec<*mut i64> = self.meters.borrow().iter().filter_map(|meter| meter.fuel).collect();
        fuels.into_iter()
    }

    pub fn fuel(&self) -> u64 {
        let given: u64 = self.fuels().map(|fuel| unsafe { *fuel }.max(0) as u64).sum();
        self.unspent.get().saturating_add(given)
    }

    pub fn set_fuel(&self, fuel: u64) {
        for given in self.fuels() {
            unsafe { *given = 0 };
        }
        self.unspent.set(fuel);
    }

    fn refuel(&self, required: u64) -> bool {
        (self.terms.refuel)(self.terms.user, required)
    }

    // What an instance has used beyond its portion is paid from what the others have left, and then from new fuel.
    fn pay(&self, debtor: *mut i64) -> Result<(), RuntimeError> {
        let debt = unsafe { *debtor }.unsigned_abs();
        self.set_fuel(self.fuel());
        if self.unspent.get() < debt && !(self.refuel(debt) && self.unspent.get() >= debt) {
            return Err(RuntimeError::new(OUT_OF_FUEL));
        }
        let left = self.unspent.get() - debt;
        let portion = left.min(PORTION);
        unsafe { *debtor = portion as i64 };
        self.unspent.set(left - portion);
        Ok(())
    }

    // Called by code in which a flag was raised, or which has no fuel left.
    fn pause(&self) -> Result<(), RuntimeError> {
        if let Some(debtor) = self.fuels().find(|&fuel| unsafe { *fuel } < 0) {
            return self.pay(debtor);
        }
        self.flags.set(0);
        self.ticks.set(TICKS.load(Relaxed));
        if self.refuel(0) {
            return Ok(());
        }
        Err(RuntimeError::new(OUT_OF_FUEL))
    }
}
