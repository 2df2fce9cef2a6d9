//! Code that looks up: at the beginning of each function and of each turn of a loop, and before what copies or fills a
//! range, it reads a global of its instance, and when another thread has set that, it calls the function in the table that
//! edit.rs added, which may end the call.
//! Where fuel is counted, another global is lowered before each jump and call by as many instructions as came before it;
//! below zero the same function is called.

use std::sync::Mutex;
use wasmer_compiler::wasmparser::{BlockType, Operator};
use wasmer_compiler::{FunctionMiddleware, MiddlewareReaderState, ModuleMiddleware};
use wasmer_types::{LocalFunctionIndex, MiddlewareError, ModuleInfo};

#[derive(Debug, Clone, Copy, Default)]
struct Places {
    flag: u32,
    fuel: Option<u32>,
    table: u32,
    signature: u32,
}

/// Modules are compiled one at a time: an engine is locked meanwhile.
#[derive(Debug)]
pub struct Watch {
    counts_fuel: bool,
    places: Mutex<Places>,
}

impl Watch {
    pub fn new(counts_fuel: bool) -> Self {
        Self {
            counts_fuel,
            places: Mutex::default(),
        }
    }
}

impl ModuleMiddleware for Watch {
    fn transform_module_info(&self, module: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        let flag = module.globals.len() as u32 - 1;
        *self.places.lock().unwrap() = Places {
            flag,
            fuel: self.counts_fuel.then(|| flag - 1),
            table: module.tables.len() as u32 - 1,
            signature: module.signatures.len() as u32 - 1,
        };
        Ok(())
    }

    fn generate_function_middleware<'a>(&self, _: LocalFunctionIndex) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        Box::new(WatchedFunction {
            places: *self.places.lock().unwrap(),
            has_begun: false,
            instructions: 0,
        })
    }
}

#[derive(Debug)]
struct WatchedFunction {
    places: Places,
    has_begun: bool,
    instructions: i64, // not yet paid for
}

impl WatchedFunction {
    // Calls the host if there is a number other than 0 on the stack.
    fn pause_if<'a>(&self, state: &mut MiddlewareReaderState<'a>) {
        state.extend([
            Operator::If {
                blockty: BlockType::Empty,
            },
            Operator::I32Const { value: 0 },
            Operator::CallIndirect {
                type_index: self.places.signature,
                table_index: self.places.table,
            },
            Operator::End,
        ]);
    }

    fn look_up<'a>(&self, state: &mut MiddlewareReaderState<'a>) {
        state.push_operator(Operator::GlobalGet {
            global_index: self.places.flag,
        });
        self.pause_if(state);
    }

    fn pay<'a>(&mut self, global_index: u32, state: &mut MiddlewareReaderState<'a>) {
        state.extend([
            Operator::GlobalGet { global_index },
            Operator::I64Const {
                value: self.instructions,
            },
            Operator::I64Sub,
            Operator::GlobalSet { global_index },
            Operator::GlobalGet { global_index },
            Operator::I64Const { value: 0 },
            Operator::I64LtS,
        ]);
        self.pause_if(state);
        self.instructions = 0;
    }
}

// Where code may go on elsewhere, or be gone on with from elsewhere.
fn is_crossing(operator: &Operator) -> bool {
    use Operator::*;
    matches!(
        operator,
        Loop { .. }
            | If { .. }
            | Else
            | End
            | Br { .. }
            | BrIf { .. }
            | BrTable { .. }
            | Return
            | Unreachable
            | Call { .. }
            | CallIndirect { .. }
            | TryTable { .. }
            | Throw { .. }
            | ThrowRef
    )
}

// What takes as long as an operand says: many of these may follow each other without a loop.
fn is_on_a_range(operator: &Operator) -> bool {
    use Operator::*;
    matches!(
        operator,
        MemoryInit { .. }
            | MemoryCopy { .. }
            | MemoryFill { .. }
            | TableInit { .. }
            | TableCopy { .. }
            | TableFill { .. }
    )
}

impl<'a> FunctionMiddleware<'a> for WatchedFunction {
    fn feed(&mut self, operator: Operator<'a>, state: &mut MiddlewareReaderState<'a>) -> Result<(), MiddlewareError> {
        if !self.has_begun || is_on_a_range(&operator) {
            self.has_begun = true;
            self.look_up(state);
        }
        if let Some(fuel) = self.places.fuel {
            self.instructions += 1;
            if is_crossing(&operator) {
                self.pay(fuel, state);
            }
        }
        let is_loop = matches!(operator, Operator::Loop { .. });
        state.push_operator(operator);
        if is_loop {
            self.look_up(state);
        }
        Ok(())
    }
}
