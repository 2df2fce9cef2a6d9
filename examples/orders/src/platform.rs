//! The platform's API, raw: a request goes out as JSON, its answer comes back as JSON.
use extism_pdk::{Error, Memory};
use serde::Deserialize;
use serde_json::{json, Value};

#[link(wasm_import_module = "extism:host/user")]
extern "C" {
    fn InvokeHost(format: i32, request: u64) -> u64;
}

const JSON: i32 = 0;

#[derive(Deserialize)]
pub struct Answer {
    pub status: u16,
    #[serde(default)]
    pub headers: Value,
    #[serde(default)]
    pub body: Value,
}

impl Answer {
    /// The version of what was read, to put it back with.
    pub fn version(&self) -> String {
        self.headers["etag"]
            .as_str()
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned()
    }

    fn problem(&self) -> Error {
        Error::msg(
            self.body["detail"]
                .as_str()
                .unwrap_or("the platform gave no reason")
                .to_owned(),
        )
    }
}

/// A request that is put together. Its path is percent-encoded.
pub struct Ask(Value);

pub fn ask(method: &str, path: &str) -> Ask {
    Ask(json!({ "method": method, "path": path }))
}

impl Ask {
    pub fn query(mut self, name: &str, value: &str) -> Ask {
        self.0["query"][name] = json!(value);
        self
    }

    pub fn json(mut self, body: Value) -> Ask {
        self.0["body"] = body;
        self
    }

    pub fn text(mut self, media_type: &str, body: &str) -> Ask {
        self.0["headers"]["content-type"] = json!(media_type);
        self.0["encoding"] = json!("utf8");
        self.0["body"] = json!(body);
        self
    }

    /// Sends it. An answer with another status than those is an error, which says what the platform said.
    pub fn expect(self, statuses: &[u16]) -> Result<Answer, Error> {
        let request = Memory::from_bytes(serde_json::to_vec(&self.0)?)?;
        let answer = Memory::find(unsafe { InvokeHost(JSON, request.offset()) });
        request.free();
        let answer = answer.ok_or_else(|| Error::msg("the platform gave no answer"))?;
        let parsed: Result<Answer, _> = serde_json::from_slice(&answer.to_vec());
        answer.free();
        let parsed = parsed?;
        if statuses.contains(&parsed.status) {
            Ok(parsed)
        } else {
            Err(parsed.problem())
        }
    }
}
