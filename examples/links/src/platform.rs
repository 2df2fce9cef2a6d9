//! The platform's API: a request goes out as JSON by hostcall, its answer comes back as JSON.
use crate::metatype::wit_wire::typegate_wire::hostcall;
use serde_json::{json, Value};

/// Why the platform did not do what it was asked for.
pub struct Problem(pub String);

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

    /// Sends it. The answer's body, null with 404; another status than those is a problem, with what the platform said.
    pub fn expect(self, statuses: &[u16]) -> Result<Value, Problem> {
        let answer = hostcall("InvokeHost", &self.0.to_string()).map_err(Problem)?;
        let mut answer: Value =
            serde_json::from_str(&answer).map_err(|error| Problem(error.to_string()))?;
        let status = answer["status"].as_u64().unwrap_or(0);
        if !statuses
            .iter()
            .any(|expected| u64::from(*expected) == status)
        {
            return Err(Problem(
                answer["body"]["detail"]
                    .as_str()
                    .unwrap_or("the platform gave no reason")
                    .to_owned(),
            ));
        }
        Ok(if status == 404 {
            Value::Null
        } else {
            answer["body"].take()
        })
    }
}
