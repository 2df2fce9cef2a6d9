//! Requests and answers of functions with `input = "request"`.
use std::collections::BTreeMap;

use extism_pdk::{FnResult, Json};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

/// What is not used is left out here.
#[derive(Deserialize)]
pub struct Request {
    #[serde(default)]
    pub method: String,
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    pub body: Option<Value>,
}

impl Request {
    /// A parameter of the route: letters, digits and "-", as names are that stand in keys and paths as they are.
    pub fn name(&self, param: &str) -> Option<&str> {
        self.params
            .get(param)
            .map(String::as_str)
            .filter(|name| is_name(name))
    }
}

pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 50
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[derive(Serialize)]
pub struct Response {
    status: u16,
    #[serde(skip_serializing_if = "Value::is_null")]
    headers: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Value::is_null")]
    body: Value,
}

pub fn answer(status: u16, body: Value) -> FnResult<Json<Response>> {
    Ok(Json(Response {
        status,
        headers: Value::Null,
        encoding: None,
        body,
    }))
}

pub fn answer_text(media_type: &str, text: Value) -> FnResult<Json<Response>> {
    let headers = json!({ "content-type": media_type });
    Ok(Json(Response {
        status: 200,
        headers,
        encoding: Some("utf8"),
        body: text,
    }))
}

pub fn problem(status: u16, detail: &str) -> FnResult<Json<Response>> {
    answer(status, json!({ "status": status, "detail": detail }))
}

pub fn no_method(allow: &str) -> FnResult<Json<Response>> {
    problem(405, &format!("expected {allow}"))
}
