//! What the people behind the counter see and do.
use extism_pdk::*;
use serde_json::{json, Value};

use crate::http::{answer, answer_text, no_method, problem, Request, Response};
use crate::platform::ask;

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

/// `GET /refused`: orders that could not be charged, and why. `POST /refused` tries them again.
#[plugin_fn]
pub fn refused(Json(request): Json<Request>) -> FnResult<Json<Response>> {
    if !["GET", "POST"].contains(&request.method.as_str()) {
        return no_method("GET or POST");
    }
    let letters = ask("GET", "/v1/dead-letters")
        .query("subscription", "bill")
        .expect(&[200])?
        .body;
    if request.method == "POST" {
        for letter in items(&letters) {
            let id = letter["id"].as_str().unwrap_or_default();
            ask("POST", &format!("/v1/dead-letters/{id}/replay")).expect(&[204, 404])?;
        }
    }
    let listed: Vec<_> = items(&letters)
        .map(
            |letter| json!({ "order": letter["event"]["data"]["order"], "error": letter["error"] }),
        )
        .collect();
    answer(200, json!(listed))
}

/// `GET /report`: what the schedule made last. `POST /report` has it made now.
#[plugin_fn]
pub fn latest(Json(request): Json<Request>) -> FnResult<Json<Response>> {
    match request.method.as_str() {
        "POST" => {
            ask("POST", "/v1/schedules/report/run").expect(&[202])?;
            answer(202, Value::Null)
        }
        "GET" => match ask("GET", "/v1/kv/report").expect(&[200, 404])? {
            found if found.status == 200 => answer(200, found.body),
            _ => problem(404, "there is no report yet"),
        },
        _ => no_method("GET or POST"),
    }
}

/// `PUT /audit` has every event of orders counted from now on, `DELETE /audit` ends that, `GET /audit` tells the counts.
#[plugin_fn]
pub fn audits(Json(request): Json<Request>) -> FnResult<Json<Response>> {
    match request.method.as_str() {
        "PUT" => {
            let settings = json!({ "topic": "order.*", "function": "audit" });
            ask("PUT", "/v1/subscriptions/audit")
                .json(settings)
                .expect(&[204])?;
            answer(204, Value::Null)
        }
        "DELETE" => {
            ask("DELETE", "/v1/subscriptions/audit").expect(&[204, 404])?;
            answer(204, Value::Null)
        }
        "GET" => {
            let mut counts = json!({});
            let keys = ask("GET", "/v1/kv")
                .query("prefix", "audit:")
                .expect(&[200])?
                .body;
            for key in items(&keys).filter_map(|item| item["key"].as_str()) {
                counts[&key["audit:".len()..]] =
                    ask("GET", &format!("/v1/kv/{key}")).expect(&[200])?.body;
            }
            answer(200, counts)
        }
        _ => no_method("GET, PUT or DELETE"),
    }
}

/// `POST /exports`: has all orders written to a file, and does not wait for it.
#[plugin_fn]
pub fn export(Json(_): Json<Request>) -> FnResult<Json<Response>> {
    let run = ask("POST", "/v1/functions/collect/runs")
        .query("wait", "false")
        .json(json!({}))
        .expect(&[202])?
        .body;
    answer(202, json!({ "export": run["id"] }))
}

/// `GET /exports/{id}`: how it stands. A run that nobody waits for goes with a kill; then there is none, and another one is begun.
#[plugin_fn]
pub fn exported(Json(request): Json<Request>) -> FnResult<Json<Response>> {
    let Some(id) = request.name("id") else {
        return problem(404, "there is no such export");
    };
    let run = ask("GET", &format!("/v1/runs/{id}")).expect(&[200, 404])?;
    match run.status {
        200 => answer(
            200,
            json!({ "status": run.body["status"], "orders": run.body["output"]["orders"] }),
        ),
        _ => problem(404, "there is no such export"),
    }
}

const EXPORT: &str = "exports%2Forders.csv";

/// `GET /exports`: the last one that is whole.
#[plugin_fn]
pub fn download(Json(_): Json<Request>) -> FnResult<Json<Response>> {
    let found = ask("GET", &format!("/v1/objects/{EXPORT}")).expect(&[200, 404])?;
    match found.status {
        200 => answer_text("text/csv; charset=utf-8", found.body),
        _ => problem(404, "there is no export yet"),
    }
}

/// Adds a part to the upload; answers how much of it is there.
fn append(upload: &str, offset: u64, lines: &str) -> Result<u64, Error> {
    let part = ask("PUT", upload)
        .query("offset", &offset.to_string())
        .text("text/csv", lines)
        .expect(&[200])?;
    Ok(part.body["size"].as_u64().unwrap_or_default())
}

/// One line for each order of a page; where the next page begins.
fn page_of(cursor: Option<&str>, lines: &mut String) -> Result<(u64, Option<String>), Error> {
    let mut list = ask("GET", "/v1/kv").query("prefix", "order:");
    if let Some(cursor) = cursor {
        list = list.query("cursor", cursor);
    }
    let page = list.expect(&[200])?.body;
    let mut count = 0;
    for key in items(&page).filter_map(|item| item["key"].as_str()) {
        let order = ask("GET", &format!("/v1/kv/{key}")).expect(&[200])?.body;
        let [customer, state] =
            ["customer", "state"].map(|name| order[name].as_str().unwrap_or_default());
        *lines += &format!(
            "{},{customer},{},{state}\n",
            &key["order:".len()..],
            order["cents"]
        );
        count += 1;
    }
    Ok((count, page["cursor"].as_str().map(str::to_owned)))
}

/// Writes all orders to an object, page by page: it is there when the last one is, and replaces the one before as a whole.
#[plugin_fn]
pub fn collect(_: String) -> FnResult<Json<Value>> {
    let begun = ask("POST", "/v1/uploads")
        .query("path", "exports/orders.csv")
        .query("media_type", "text/csv; charset=utf-8")
        .expect(&[201])?;
    let upload = format!(
        "/v1/uploads/{}",
        begun.body["upload"].as_str().unwrap_or_default()
    );
    let (mut lines, mut orders, mut size, mut cursor) =
        ("id,customer,cents,state\n".to_owned(), 0, 0, None);
    loop {
        let (count, next) = page_of(cursor.as_deref(), &mut lines)?;
        size = append(&upload, size, &lines)?;
        lines.clear();
        orders += count;
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    ask("POST", &format!("{upload}/finish")).expect(&[200])?;
    Ok(Json(json!({ "orders": orders })))
}
