//! Short links, by a component with the crate wit-bindgen. Run `ubiq dev examples/links`, then
//!
//!     curl --json '{"url": "https://example.com/a/long/way"}' http://127.0.0.1:8080/links
//!
//! prints `{"link":"/1"}`. README.md has the rest.
mod platform;

wit_bindgen::generate!({ path: "../../wit", world: "wit-wire" });

use exports::metatype::wit_wire::mat_wire::{
    Guest, HandleErr, HandleReq, InitArgs, InitError, InitResponse,
};
use platform::{ask, Problem};
use serde_json::{json, Value};

const OPERATIONS: &[&str] = &["shorten", "follow", "link"];

type Answer = Result<Value, Problem>;

fn refusal(status: u16, detail: &str) -> Value {
    let headers = json!({ "content-type": "application/problem+json" });
    json!({ "status": status, "headers": headers, "body": { "status": status, "detail": detail } })
}

fn id_of(request: &Value) -> &str {
    request["params"]["id"].as_str().unwrap_or_default()
}

/// Numbers are handed out once each, so that what is put under one is never another's.
fn shorten(request: &Value) -> Answer {
    let url = request["body"]["url"].as_str().unwrap_or_default();
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Ok(refusal(
            400,
            "url: expected what begins with https:// or http://",
        ));
    }
    let id = ask("POST", "/v1/kv/links/increment")
        .json(json!({}))
        .expect(&[200])?["value"]
        .to_string();
    ask("PUT", &format!("/v1/kv/link:{id}"))
        .json(json!(url))
        .expect(&[200])?;
    ask("POST", "/v1/log")
        .json(json!({ "level": "info", "message": "a new link", "attributes": { "id": id, "url": url } }))
        .expect(&[204])?;
    let link = format!("/{id}");
    Ok(json!({ "status": 201, "headers": { "location": &link }, "body": { "link": &link } }))
}

/// From the cache, or else from kv: then it is in the cache for a minute. Null: there is none.
fn find(id: &str) -> Answer {
    let cached = ask("GET", &format!("/v1/cache/link:{id}")).expect(&[200, 404])?;
    if cached.is_string() {
        return Ok(cached);
    }
    let kept = ask("GET", &format!("/v1/kv/link:{id}")).expect(&[200, 404])?;
    if kept.is_string() {
        ask("PUT", &format!("/v1/cache/link:{id}"))
            .query("ttl", "1m")
            .json(kept.clone())
            .expect(&[204])?;
        return Ok(kept);
    }
    Ok(Value::Null)
}

fn follow(request: &Value) -> Answer {
    let id = id_of(request);
    match find(id)? {
        Value::String(url) => {
            ask("POST", &format!("/v1/kv/followed:{id}/increment"))
                .json(json!({}))
                .expect(&[200])?;
            Ok(json!({ "status": 302, "headers": { "location": url } }))
        }
        _ => Ok(refusal(404, "there is no such link")),
    }
}

fn link(request: &Value) -> Answer {
    let id = id_of(request);
    let url = ask("GET", &format!("/v1/kv/link:{id}")).expect(&[200, 404])?;
    if !url.is_string() {
        return Ok(refusal(404, "there is no such link"));
    }
    let followed = ask("GET", &format!("/v1/kv/followed:{id}")).expect(&[200, 404])?;
    Ok(json!({ "body": { "url": url, "followed": followed.as_u64().unwrap_or(0) } }))
}

struct Links;

impl Guest for Links {
    fn init(args: InitArgs) -> Result<InitResponse, InitError> {
        match args
            .expected_ops
            .into_iter()
            .find(|op| !OPERATIONS.contains(&op.op_name.as_str()))
        {
            Some(unknown) => Err(InitError::UnexpectedMat(unknown)),
            None => Ok(InitResponse { ok: true }),
        }
    }

    fn handle(call: HandleReq) -> Result<String, HandleErr> {
        let request = serde_json::from_str(&call.in_json)
            .map_err(|error| HandleErr::InJsonErr(error.to_string()))?;
        let answer = match call.op_name.as_str() {
            "shorten" => shorten(&request),
            "follow" => follow(&request),
            "link" => link(&request),
            _ => return Err(HandleErr::NoHandler),
        };
        answer
            .map(|value| value.to_string())
            .map_err(|problem| HandleErr::HandlerErr(problem.0))
    }
}

export!(Links);
