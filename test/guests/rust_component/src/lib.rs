//! A component with an operation for each thing that a test wants done.
wit_bindgen::generate!({ path: "../../../wit", world: "wit-wire" });

use exports::metatype::wit_wire::mat_wire::{
    Guest, HandleErr, HandleReq, InitArgs, InitError, InitResponse,
};
use metatype::wit_wire::typegate_wire::hostcall;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

struct Component;

static CALLS: AtomicU32 = AtomicU32::new(0);

const OPERATIONS: &[&str] = &[
    "echo", "calls", "fails", "bad_json", "not_json", "trap", "spin", "eat", "ask", "other", "unhandled", "say", "times", "env",
    "exit", "file", "nap",
];

fn invoke(request: String) -> Result<String, HandleErr> {
    hostcall("InvokeHost", &request).map_err(HandleErr::HandlerErr)
}

fn eat() -> String {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(vec![1; 1 << 20]);
    }
}

fn spin() -> String {
    let mut number = 1u32;
    while std::hint::black_box(number) != 0 {
        number |= 1;
    }
    String::new()
}

fn times() -> String {
    let began = Instant::now();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    format!("[{}, {}]", now.as_secs(), began.elapsed().as_nanos())
}

fn nap() -> String {
    let began = Instant::now();
    std::thread::sleep(Duration::from_millis(30));
    began.elapsed().as_millis().to_string()
}

fn say(words: &str) -> String {
    println!("said {words}");
    eprintln!("warned {words}");
    "null".into()
}

impl Guest for Component {
    fn init(args: InitArgs) -> Result<InitResponse, InitError> {
        for op in args.expected_ops {
            if op.op_name == "old" {
                return Err(InitError::VersionMismatch("0.0.1".into()));
            }
            if !OPERATIONS.contains(&op.op_name.as_str()) {
                return Err(InitError::UnexpectedMat(op));
            }
        }
        Ok(InitResponse { ok: true })
    }

    fn handle(req: HandleReq) -> Result<String, HandleErr> {
        let input = req.in_json;
        Ok(match req.op_name.as_str() {
            "echo" => input,
            "calls" => (CALLS.fetch_add(1, Ordering::Relaxed) + 1).to_string(),
            "fails" => return Err(HandleErr::HandlerErr("no such shelf".into())),
            "bad_json" => return Err(HandleErr::InJsonErr("expected a number".into())),
            "not_json" => "{".into(),
            "trap" => panic!("it is over"),
            "spin" => spin(),
            "eat" => eat(),
            "ask" => invoke(input)?,
            "other" => hostcall("gql", &input).map_err(HandleErr::HandlerErr)?,
            "say" => say(&input),
            "times" => times(),
            "env" => format!("[{}, {}]", std::env::vars().count(), std::env::args().count()),
            "exit" => std::process::exit(3),
            "file" => match std::fs::read("/etc/passwd") {
                Ok(_) => "true".into(),
                Err(_) => "false".into(),
            },
            "nap" => nap(),
            _ => return Err(HandleErr::NoHandler),
        })
    }
}

export!(Component);
