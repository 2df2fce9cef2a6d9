//! What happens to an order.
use extism_pdk::*;
use serde::Deserialize;
use serde_json::{json, Value};

use crate::http::{answer, answer_text, is_name, no_method, problem, Request, Response};
use crate::platform::ask;

const ORDERS_A_MINUTE: u64 = 600;

/// An order as a client sends it. The id is the client's, so that it may send it again when it got no answer.
#[derive(Deserialize)]
struct Order {
    id: String,
    customer: String,
    cents: u64,
}

pub fn path_of(id: &str) -> String {
    format!("/v1/kv/order:{id}")
}

fn publish(topic: &str, id: &str, customer: &str) -> Result<(), Error> {
    let event =
        json!({ "type": topic, "id": id, "partitionkey": customer, "data": { "order": id } });
    ask("POST", "/v1/events").json(event).expect(&[202])?;
    Ok(())
}

/// Whether it is stored now, which is counted too: both or neither. False: it was there before.
fn store(order: &Order) -> Result<bool, Error> {
    let kept = json!({ "customer": order.customer, "cents": order.cents, "state": "placed" });
    let operations = json!([
        { "op": "put", "key": format!("order:{}", order.id), "value": kept, "if_absent": true },
        { "op": "increment", "key": "orders" }
    ]);
    let answer = ask("POST", "/v1/kv")
        .json(json!({ "operations": operations }))
        .expect(&[200, 412])?;
    Ok(answer.status == 200)
}

/// `POST /orders`: 201 when it is stored and published, 200 when it was before.
#[plugin_fn]
pub fn place(Json(request): Json<Request>) -> FnResult<Json<Response>> {
    let order: Order = match request.body.map(serde_json::from_value) {
        Some(Ok(order)) => order,
        Some(Err(error)) => return problem(400, &format!("body: {error}")),
        None => return problem(400, "the request has no body; expected an order, as JSON"),
    };
    if !is_name(&order.id) || !is_name(&order.customer) || order.cents == 0 {
        return problem(
            400,
            "expected an id and a customer of letters, digits and \"-\", and cents of 1 or more",
        );
    }
    let count = format!("/v1/cache/of:{}/increment", order.customer);
    let count = ask("POST", &count)
        .json(json!({ "ttl": "1m" }))
        .expect(&[200])?;
    if count.body["value"].as_u64() > Some(ORDERS_A_MINUTE) {
        return problem(429, "these are many orders for a minute; try again later");
    }
    let is_new = store(&order)?;
    if !is_new {
        let there = ask("GET", &path_of(&order.id)).expect(&[200])?.body;
        if there["customer"] != order.customer.as_str() || there["cents"] != order.cents {
            return problem(409, "another order has this id");
        }
    }
    // Also of one that was stored before: whoever stored it may have been killed right here.
    publish("order.created", &order.id, &order.customer)?;
    answer(if is_new { 201 } else { 200 }, json!({ "id": order.id }))
}

/// `GET /orders/{id}`
#[plugin_fn]
pub fn order(Json(request): Json<Request>) -> FnResult<Json<Response>> {
    let Some(id) = request.name("id") else {
        return problem(404, "there is no such order");
    };
    let found = ask("GET", &path_of(id)).expect(&[200, 404])?;
    match found.status {
        200 => answer(200, found.body),
        _ => problem(404, "there is no such order"),
    }
}

fn invoice_path(id: &str) -> String {
    format!("/v1/objects/invoices%2F{id}.txt")
}

/// Told of an order that was placed: at least once, so it looks whether it was here before. What fails is tried again, and what it does
/// may be done twice.
#[plugin_fn]
pub fn bill(Json(event): Json<Value>) -> FnResult<()> {
    let id = event["data"]["order"].as_str().unwrap_or_default();
    let found = ask("GET", &path_of(id)).expect(&[200])?;
    let mut order = found.body.clone();
    if order["state"] == "charged" {
        return Ok(());
    }
    let input = json!({ "order": id, "cents": order["cents"] });
    let charged = ask("POST", "/v1/functions/charge/runs")
        .json(input)
        .expect(&[200])?
        .body["charged"]
        .clone();
    let text = format!(
        "Invoice for order {id}\n\nTo be paid by {}: {} cents\n",
        order["customer"].as_str().unwrap_or_default(),
        charged
    );
    ask("PUT", &invoice_path(id))
        .text("text/plain; charset=utf-8", &text)
        .expect(&[200])?;
    publish(
        "order.charged",
        id,
        order["customer"].as_str().unwrap_or_default(),
    )?;
    order["state"] = json!("charged");
    order["charged"] = charged;
    ask("PUT", &path_of(id))
        .query("if_version", &found.version())
        .json(order)
        .expect(&[200])?;
    Ok(())
}

/// `GET /orders/{id}/invoice`
#[plugin_fn]
pub fn invoice(Json(request): Json<Request>) -> FnResult<Json<Response>> {
    let Some(id) = request.name("id") else {
        return problem(404, "there is no such order");
    };
    let found = ask("GET", &invoice_path(id)).expect(&[200, 404])?;
    match found.status {
        200 => answer_text("text/plain; charset=utf-8", found.body),
        _ => problem(404, "there is no invoice yet"),
    }
}

/// `POST /orders/{id}/reminder` with `{"at": "2030-01-31T12:00:00Z"}`: at that time, `remind` looks at it. `DELETE` takes it back.
#[plugin_fn]
pub fn reminder(Json(request): Json<Request>) -> FnResult<Json<Response>> {
    let Some(id) = request.name("id") else {
        return problem(404, "there is no such order");
    };
    let name = format!("remind-{id}");
    if request.method == "DELETE" {
        let gone = ask("DELETE", &format!("/v1/schedules/{name}")).expect(&[204, 404])?;
        return answer(gone.status, Value::Null);
    }
    if request.method != "POST" {
        return no_method("POST or DELETE");
    }
    let at = request
        .body
        .as_ref()
        .map_or(Value::Null, |body| body["at"].clone());
    let schedule =
        json!({ "name": name, "function": "remind", "at": at, "input": { "order": id } });
    let made = ask("POST", "/v1/schedules")
        .json(schedule)
        .expect(&[201, 400, 409])?;
    match made.status {
        201 => answer(201, json!({ "next_at": made.body["next_at"] })),
        status => problem(status, made.body["detail"].as_str().unwrap_or_default()),
    }
}
