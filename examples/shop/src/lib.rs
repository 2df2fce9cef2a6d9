//! A shop's API: whole requests in, whole answers out. `ubiq.toml` says which paths lead here, who may order, and what each
//! function may use.
use std::collections::BTreeMap;

use extism_pdk::*;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

/// What a function with `input = "request"` is given; what it does not use is left out here.
#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    params: BTreeMap<String, String>,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    identity: Option<Identity>,
    body: Option<Value>,
}

/// Who calls: checked by the server, whatever the client says.
#[derive(Deserialize)]
struct Identity {
    name: String,
}

/// What it answers.
#[derive(Serialize)]
struct Answer {
    status: u16,
    headers: BTreeMap<&'static str, String>,
    body: Value,
}

#[derive(Serialize)]
struct Product {
    id: &'static str,
    name: &'static str,
    cents: u64,
}

#[derive(Deserialize)]
struct Order {
    id: String,
    #[serde(default = "one")]
    quantity: u64,
}

const PRODUCTS: [Product; 3] = [
    Product { id: "tea", name: "Tea, 100 g", cents: 650 },
    Product { id: "pot", name: "A pot for it", cents: 2400 },
    Product { id: "cup", name: "A cup", cents: 900 },
];

const QUANTITY_MAX: u64 = 1000;

fn one() -> u64 {
    1
}

fn answer(status: u16, body: Value) -> FnResult<Json<Answer>> {
    Ok(Json(Answer { status, headers: BTreeMap::new(), body }))
}

fn problem(status: u16, detail: String) -> FnResult<Json<Answer>> {
    answer(status, json!({ "status": status, "detail": detail }))
}

fn find(id: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id == id)
}

/// `GET /api/products?under=1000`: all products, or those that cost less.
#[plugin_fn]
pub fn products(Json(request): Json<Request>) -> FnResult<Json<Answer>> {
    let under = match request.query.get("under").map(|value| value.as_str().unwrap_or("").parse::<u64>()) {
        None => u64::MAX,
        Some(Ok(cents)) => cents,
        Some(Err(_)) => return problem(400, "under: expected a number of cents".into()),
    };
    let found: Vec<_> = PRODUCTS.iter().filter(|product| product.cents < under).collect();
    answer(200, json!(found))
}

/// `GET /api/products/tea`
#[plugin_fn]
pub fn product(Json(request): Json<Request>) -> FnResult<Json<Answer>> {
    let id = request.params.get("id").map_or("", String::as_str);
    match find(id) {
        Some(product) => answer(200, json!(product)),
        None => problem(404, format!("there is no product \"{id}\"")),
    }
}

/// `POST /api/orders` with `{"id": "tea", "quantity": 2}`
#[plugin_fn]
pub fn order(Json(request): Json<Request>) -> FnResult<Json<Answer>> {
    let order: Order = match request.body.map(serde_json::from_value) {
        Some(Ok(order)) => order,
        Some(Err(error)) => return problem(400, format!("body: {error}")),
        None => return problem(400, "the request has no body; expected what is ordered, as JSON".into()),
    };
    let Some(product) = find(&order.id) else {
        return problem(404, format!("there is no product \"{}\"", order.id));
    };
    if order.quantity == 0 || order.quantity > QUANTITY_MAX {
        return problem(400, format!("quantity: is {}; expected 1 to {QUANTITY_MAX}", order.quantity));
    }
    let buyer = request.identity.map_or_else(String::new, |identity| identity.name);
    info!("{} of {} for {}", order.quantity, product.id, buyer);
    let cents = product.cents * order.quantity;
    let body = json!({ "product": product, "quantity": order.quantity, "cents": cents, "buyer": buyer });
    let place = format!("/api/products/{}", product.id);
    Ok(Json(Answer { status: 201, headers: BTreeMap::from([("location", place)]), body }))
}
