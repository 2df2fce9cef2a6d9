//! Orders: taken, charged once they are stored, and shown. `ubiq.toml` says what each function is run for and may ask for.
mod platform;

use std::collections::BTreeMap;

use extism_pdk::*;
use platform::{ask, ask_with};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

/// What a function with `input = "request"` is given; what is not used is left out here.
#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    params: BTreeMap<String, String>,
    body: Option<Value>,
}

#[derive(Serialize)]
struct Answer {
    status: u16,
    body: Value,
}

/// An order as a client sends it. The id is the client's, so that it may send it again when it got no answer.
#[derive(Deserialize)]
struct Order {
    id: String,
    customer: String,
    cents: u64,
}

fn answer(status: u16, body: Value) -> FnResult<Json<Answer>> {
    Ok(Json(Answer { status, body }))
}

fn problem(status: u16, detail: &str) -> FnResult<Json<Answer>> {
    answer(status, json!({ "status": status, "detail": detail }))
}

/// Ids stand in keys and paths as they are.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn path_of(id: &str) -> String {
    format!("/v1/kv/order:{id}")
}

/// `POST /orders`: 201 when it is stored and published, 200 when it was before.
#[plugin_fn]
pub fn place(Json(request): Json<Request>) -> FnResult<Json<Answer>> {
    let order: Order = match request.body.map(serde_json::from_value) {
        Some(Ok(order)) => order,
        Some(Err(error)) => return problem(400, &format!("body: {error}")),
        None => return problem(400, "the request has no body; expected an order, as JSON"),
    };
    if !is_name(&order.id) || !is_name(&order.customer) || order.cents == 0 {
        return problem(400, "expected an id and a customer of letters, digits and \"-\", and cents of 1 or more");
    }
    let kept = json!({ "customer": order.customer, "cents": order.cents, "state": "placed" });
    let put = ask_with("PUT", &path_of(&order.id), json!({ "if_absent": "true" }), kept)?.expect(&[200, 412])?;
    let is_new = put.status == 200;
    if is_new {
        ask_with("POST", "/v1/kv/orders/increment", json!({}), json!({ "by": 1 }))?.expect(&[200])?;
    } else {
        let there = ask("GET", &path_of(&order.id))?.expect(&[200])?.body;
        if there["customer"] != order.customer.as_str() || there["cents"] != order.cents {
            return problem(409, "another order has this id");
        }
    }
    // Also of one that was stored before: whoever stored it may have been killed right here.
    let event = json!({ "type": "order.created", "id": order.id, "partitionkey": order.customer, "data": { "order": order.id } });
    ask_with("POST", "/v1/events", json!({}), event)?.expect(&[202])?;
    answer(if is_new { 201 } else { 200 }, json!({ "id": order.id }))
}

/// `GET /orders/{id}`
#[plugin_fn]
pub fn order(Json(request): Json<Request>) -> FnResult<Json<Answer>> {
    let id = request.params.get("id").map_or("", String::as_str);
    if !is_name(id) {
        return problem(404, "there is no such order");
    }
    let found = ask("GET", &path_of(id))?.expect(&[200, 404])?;
    match found.status {
        200 => answer(200, found.body),
        _ => problem(404, "there is no such order"),
    }
}

/// Told of an order that was placed: at least once, so it looks whether it was here before. What fails is tried again.
#[plugin_fn]
pub fn bill(Json(event): Json<Value>) -> FnResult<()> {
    let id = event["data"]["order"].as_str().unwrap_or_default();
    let found = ask("GET", &path_of(id))?.expect(&[200])?;
    let mut order = found.body.clone();
    if order["state"] == "charged" {
        return Ok(());
    }
    let bill = json!({ "cents": order["cents"] });
    let charged = ask_with("POST", "/v1/functions/charge/runs", json!({}), bill)?.expect(&[200])?.body;
    order["state"] = json!("charged");
    order["charged"] = charged["charged"].clone();
    let version = json!({ "if_version": found.version() });
    ask_with("PUT", &path_of(id), version, order)?.expect(&[200])?;
    Ok(())
}

/// `GET /refused`: orders that could not be charged, and why.
#[plugin_fn]
pub fn refused(Json(_): Json<Value>) -> FnResult<Json<Answer>> {
    let letters = ask("GET", "/v1/dead-letters")?.expect(&[200])?.body;
    let listed: Vec<_> = letters["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|letter| json!({ "order": letter["event"]["data"]["order"], "error": letter["error"] }))
        .collect();
    answer(200, json!(listed))
}

/// `GET /report`: what the schedule made last.
#[plugin_fn]
pub fn latest(Json(_): Json<Value>) -> FnResult<Json<Answer>> {
    let found = ask("GET", "/v1/kv/report")?.expect(&[200, 404])?;
    match found.status {
        200 => answer(200, found.body),
        _ => problem(404, "there is no report yet"),
    }
}
