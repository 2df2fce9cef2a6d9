//! How large memories and tables may be, and how deep guests recurse; and where an instance's globals of watch.rs are.

use crate::edit::IN_TRUTH_FIXED;
use std::cell::Cell;
use std::ptr::{null, null_mut, NonNull};
use std::sync::OnceLock;
use wasmer_compiler::{BaseTunables, LinkError, Tunables};
use wasmer_types::entity::PrimaryMap;
use wasmer_types::{LocalGlobalIndex, MemoryError, MemoryStyle, MemoryType, ModuleInfo, Pages, TableStyle, TableType};
use wasmer_vm::{
    InternalStoreHandle, LinearMemory, StoreObjects, VMConfig, VMGlobal, VMGlobalDefinition, VMMemory,
    VMMemoryDefinition, VMSharedMemory, VMTable, VMTableDefinition,
};

const STACK_BYTES: usize = 512 << 10;
const PLENTY_BYTES: usize = 1 << 40; // of addresses: room for a hundred memories that need no checks
const GUARD_BYTES: u64 = 64 << 10;
const TABLE_MOST: u32 = 128 << 20; // Wasmer refuses tables that may become larger

pub const MEMORY_DENIED: &str = "denied to allocate or grow the linear memory";
const TABLE_DENIED: &str = "denied to allocate or grow the table";

#[repr(C)]
pub struct Limits {
    memory_bytes_max: u64,
    table_elements_max: u64,
}

impl Limits {
    fn allow(&self, pages: Pages) -> bool {
        pages.bytes().0 as u64 <= self.memory_bytes_max
    }
}

/// The numbers in an instance that watch.rs reads.
#[derive(Clone, Copy)]
pub struct Meter {
    pub flag: *mut i32,
    pub fuel: Option<*mut i64>,
}

thread_local! {
    static LIMITS: Cell<*const Limits> = const { Cell::new(null()) };
    static METER: Cell<Option<Meter>> = const { Cell::new(None) };
}

/// Makes an instance whose memories keep to `limits`, which must outlive it. Its meter is among the results.
pub fn instantiate<T>(limits: *const Limits, make: impl FnOnce() -> T) -> (T, Option<Meter>) {
    LIMITS.set(limits);
    METER.set(None);
    let made = make();
    LIMITS.set(null());
    (made, METER.take())
}

fn limits() -> *const Limits {
    let limits = LIMITS.get();
    assert!(!limits.is_null(), "memories and tables are made in instantiate() alone");
    limits
}

#[derive(Debug)]
struct LimitedMemory {
    memory: VMMemory,
    limits: *const Limits,
}
// What `limits` leads to is read by the thread that uses the store.
unsafe impl Send for LimitedMemory {}
unsafe impl Sync for LimitedMemory {}

impl LinearMemory for LimitedMemory {
    fn ty(&self) -> MemoryType {
        self.memory.ty()
    }
    fn size(&self) -> Pages {
        self.memory.size()
    }
    fn style(&self) -> MemoryStyle {
        self.memory.style()
    }
    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let current = self.size();
        match current.checked_add(delta) {
            Some(pages) if unsafe { &*self.limits }.allow(pages) => self.memory.grow(delta),
            _ => Err(MemoryError::CouldNotGrow {
                current,
                attempted_delta: delta,
            }),
        }
    }
    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.memory.vmmemory()
    }
    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Err(MemoryError::MemoryNotShared)
    }
    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Err(MemoryError::MemoryNotShared)
    }
    fn as_shared(&self) -> Result<VMSharedMemory, MemoryError> {
        Err(MemoryError::MemoryNotShared)
    }
}

// Whether the process may reserve that much address space now.
fn can_reserve(bytes: usize) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    unsafe {
        let place = libc::mmap(null_mut(), bytes, libc::PROT_NONE, flags, -1, 0);
        place != libc::MAP_FAILED && libc::munmap(place, bytes) == 0
    }
}

/// Whether memories may take 8 GiB of addresses each, so that code need not check bounds. Looked up once: modules that share
/// a memory are of one mind about it.
pub fn has_plenty() -> bool {
    static PLENTY: OnceLock<bool> = OnceLock::new();
    *PLENTY.get_or_init(|| can_reserve(PLENTY_BYTES))
}

pub struct LimitedTunables {
    base: BaseTunables,
    memories: MemoryStyle,
    config: VMConfig,
    counts_fuel: bool,
}

impl LimitedTunables {
    pub fn new(counts_fuel: bool) -> Self {
        // Without plenty, memories begin small, and move when they grow.
        let small = MemoryStyle::Dynamic {
            offset_guard_size: GUARD_BYTES,
        };
        let memories = if has_plenty() { MemoryStyle::Static } else { small };
        Self {
            base: BaseTunables::new(),
            memories,
            config: VMConfig {
                wasm_stack_size: Some(STACK_BYTES),
            },
            counts_fuel,
        }
    }
}

impl Tunables for LimitedTunables {
    fn memory_style(&self, _: &MemoryType) -> MemoryStyle {
        self.memories
    }
    fn table_style(&self, table: &TableType) -> TableStyle {
        self.base.table_style(table)
    }
    fn create_host_memory(&self, _: &MemoryType, _: &MemoryStyle) -> Result<VMMemory, MemoryError> {
        Err(MemoryError::Generic("the host has no memories of its own".into()))
    }
    unsafe fn create_vm_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        at: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        let limits = limits();
        if !(*limits).allow(ty.minimum) {
            return Err(MemoryError::Generic(MEMORY_DENIED.into()));
        }
        let memory = VMMemory::from_definition(ty, style, at)?;
        Ok(VMMemory(Box::new(LimitedMemory { memory, limits })))
    }
    fn create_host_table(&self, ty: &TableType, style: &TableStyle) -> Result<VMTable, String> {
        self.base.create_host_table(ty, style)
    }
    unsafe fn create_vm_table(
        &self,
        ty: &TableType,
        style: &TableStyle,
        at: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        let most = (*limits()).table_elements_max.min(TABLE_MOST.into()) as u32;
        if ty.minimum > most {
            return Err(TABLE_DENIED.into());
        }
        let mut ty = *ty;
        ty.maximum = match ty.maximum {
            Some(IN_TRUTH_FIXED) => Some(ty.minimum),
            Some(maximum) => Some(maximum.min(most)),
            None if most < TABLE_MOST => Some(most),
            None => None,
        };
        self.base.create_vm_table(&ty, style, at)
    }
    fn create_globals(
        &self,
        context: &mut StoreObjects,
        module: &ModuleInfo,
        places: &[NonNull<VMGlobalDefinition>],
    ) -> Result<PrimaryMap<LocalGlobalIndex, InternalStoreHandle<VMGlobal>>, LinkError> {
        let place = |back: usize| places.iter().nth_back(back).map(|place| place.as_ptr());
        let fuel = if self.counts_fuel { place(1) } else { None };
        METER.set(place(0).map(|flag| Meter {
            flag: flag.cast(),
            fuel: fuel.map(|fuel| fuel.cast()),
        }));
        self.base.create_globals(context, module, places)
    }
    fn vmconfig(&self) -> &VMConfig {
        &self.config
    }
}
