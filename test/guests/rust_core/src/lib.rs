//! Asks the platform without the kernel (`wire = "core"`), with nothing but the language: no std, no crates.
//! The same operations as test/guests/c/core.c.
#![no_std]

use core::cell::Cell;
use core::slice;

#[link(wasm_import_module = "ubiq:wire/host")]
extern "C" {
    /// The answer's place and size in one, made by our `ubiq_alloc` and ours to free; 0: there was no room for it.
    fn invoke(format: i32, request: *const u8, size: usize) -> u64;
}

const JSON: i32 = 0;
const MESSAGEPACK: i32 = 1;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

// ------------------------------------------------------------------------------------------------------------- memory

extern "C" {
    static __heap_base: u8;
}

/// Where the next piece begins, 0 before the first, and how many there are; all of it comes back with the last.
struct Heap {
    top: Cell<usize>,
    live: Cell<usize>,
}

unsafe impl Sync for Heap {} // there are no threads

static HEAP: Heap = Heap { top: Cell::new(0), live: Cell::new(0) };

#[no_mangle]
pub extern "C" fn ubiq_alloc(size: usize) -> *mut u8 {
    let base = unsafe { &__heap_base as *const u8 as usize };
    let start = if HEAP.live.get() == 0 { base } else { HEAP.top.get() };
    let Some(end) = start.checked_add(size).and_then(|end| end.checked_add(15)).map(|end| end & !15) else {
        return core::ptr::null_mut();
    };
    let have = core::arch::wasm32::memory_size(0) << 16;
    if end > have && core::arch::wasm32::memory_grow(0, (end - have + 65535) >> 16) == usize::MAX {
        return core::ptr::null_mut();
    }
    HEAP.top.set(end);
    HEAP.live.set(HEAP.live.get() + 1);
    start as *mut u8
}

#[no_mangle]
pub extern "C" fn ubiq_free(_place: *mut u8, _size: usize) {
    HEAP.live.set(HEAP.live.get() - 1);
}

/// Bytes of `ubiq_alloc`, freed with it.
struct Block {
    place: *mut u8,
    size: usize,
}

impl Block {
    /// None: there is no room.
    fn of(size: usize) -> Option<Block> {
        let place = ubiq_alloc(size);
        (!place.is_null()).then_some(Block { place, size })
    }

    fn bytes(&self) -> &[u8] {
        unsafe { slice::from_raw_parts(self.place, self.size) }
    }

    fn set(&mut self, at: usize, bytes: &[u8]) -> usize {
        let all = unsafe { slice::from_raw_parts_mut(self.place, self.size) };
        all[at..at + bytes.len()].copy_from_slice(bytes);
        at + bytes.len()
    }

    /// Hands it over to the host, which frees it.
    fn pack(self) -> u64 {
        let packed = (self.place as u64) << 32 | self.size as u64;
        core::mem::forget(self);
        packed
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        ubiq_free(self.place, self.size)
    }
}

// -------------------------------------------------------------------------------------------------------- the platform

fn ask(format: i32, request: &[u8]) -> Option<Block> {
    taken(unsafe { invoke(format, request.as_ptr(), request.len()) })
}

fn taken(packed: u64) -> Option<Block> {
    (packed != 0).then_some(Block { place: (packed >> 32) as *mut u8, size: packed as u32 as usize })
}

/// The status of an answer, which begins with it.
fn status(format: i32, answer: &[u8]) -> u32 {
    if format == JSON {
        return answer[10..13].iter().fold(0, |number, digit| number * 10 + (digit - b'0') as u32);
    }
    match answer[8] {
        0xcc => answer[9] as u32,
        0xcd => (answer[9] as u32) << 8 | answer[10] as u32,
        _ => 0,
    }
}

fn surround(before: &[u8], inner: &[u8], after: &[u8]) -> u64 {
    let Some(mut block) = Block::of(before.len() + inner.len() + after.len()) else { return 0 };
    let at = block.set(0, before);
    let at = block.set(at, inner);
    block.set(at, after);
    block.pack()
}

fn ok(json: &[u8]) -> u64 {
    surround(b"{\"ok\":", json, b"}")
}

fn error(words: &[u8]) -> u64 {
    surround(b"{\"error\":{\"message\":\"", words, b"\"}}")
}

fn relay(format: i32, request: &[u8]) -> u64 {
    hand_on(format, ask(format, request))
}

fn hand_on(format: i32, answer: Option<Block>) -> u64 {
    match answer {
        Some(answer) if format != MESSAGEPACK => ok(answer.bytes()),
        Some(answer) => hexadecimal(answer.bytes()),
        None => error(b"there is no room for the answer"),
    }
}

fn hexadecimal(bytes: &[u8]) -> u64 {
    let Some(mut text) = Block::of(2 * bytes.len() + 2) else { return error(b"there is no room for the answer") };
    let mut at = text.set(0, b"\"");
    for byte in bytes {
        at = text.set(at, &[b"0123456789abcdef"[(byte >> 4) as usize], b"0123456789abcdef"[(byte & 15) as usize]]);
    }
    text.set(at, b"\"");
    ok(text.bytes())
}

/// Counts a visit, keeps something in the cache and reads it back, tells the log and publishes an event. Answers the statuses.
fn tour(format: i32, requests: &[&[u8]; 5]) -> u64 {
    let mut statuses = *b"[000,000,000,000,000]";
    for (i, request) in requests.iter().enumerate() {
        let Some(answer) = ask(format, request) else { return error(b"there is no room for the answer") };
        let status = status(format, answer.bytes());
        for (place, power) in [100, 10, 1].iter().enumerate() {
            statuses[1 + 4 * i + place] = b'0' + (status / power % 10) as u8;
        }
    }
    ok(&statuses)
}

const TOUR: [&[u8]; 5] = [
    br#"{"method":"POST","path":"/v1/kv/visits/increment","body":{}}"#,
    br#"{"method":"PUT","path":"/v1/cache/last","body":{"seen":true}}"#,
    br#"{"method":"GET","path":"/v1/cache/last"}"#,
    br#"{"method":"POST","path":"/v1/log","body":{"message":"from core","attributes":{"format":0}}}"#,
    br#"{"method":"POST","path":"/v1/events","body":{"type":"core.visited","data":{"format":0}}}"#,
];

const TOUR_PACKED: [&[u8]; 5] = [
    b"\x83\xa6method\xa4POST\xa4path\xb7/v1/kv/visits/increment\xa4body\x80",
    b"\x83\xa6method\xa3PUT\xa4path\xae/v1/cache/last\xa4body\xc4\x03\x00\xff\xfe",
    b"\x82\xa6method\xa3GET\xa4path\xae/v1/cache/last",
    b"\x83\xa6method\xa4POST\xa4path\xa7/v1/log\xa4body\x81\xa7message\xa9from core",
    b"\x83\xa6method\xa4POST\xa4path\xaa/v1/events\xa4body\x81\xa4type\xaccore.visited",
];

#[no_mangle]
pub unsafe extern "C" fn ubiq_handle(_format: i32, operation: *const u8, operation_size: usize, input: *const u8, input_size: usize) -> u64 {
    let input = slice::from_raw_parts(input, input_size);
    match slice::from_raw_parts(operation, operation_size) {
        b"relay" => relay(JSON, input),
        b"packed" => relay(MESSAGEPACK, input),
        b"other_format" => relay(7, b"{}"),
        b"outside" => hand_on(JSON, taken(invoke(JSON, 0xfffffff0 as *const u8, 100))),
        b"tour" => tour(JSON, &TOUR),
        b"tour_packed" => tour(MESSAGEPACK, &TOUR_PACKED),
        b"event" => ok(b"null"),
        _ => error(b"there is no such operation"),
    }
}
