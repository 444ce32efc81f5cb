//! What is served under which path.

use super::http::{Answer, JSON, OPENMETRICS, Request, TEXT, nonce};
use super::snapshot::State;
use super::{numbers, view};
use crate::observe::metrics::metrics;

/// The page, whose scripts and styles are in it.
const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = concat!(
    include_str!("page/page.js"),
    include_str!("page/charts.js"),
    include_str!("page/graph.js"),
    include_str!("page/start.js")
);

/// The answer to a request.
pub(super) fn to(request: &Request, state: &State) -> Answer {
    let query = &request.query;
    match &*request.path {
        "/" => page(),
        "/view.json" => Answer::new(JSON, view::json(&state.snapshot(), state, query)),
        "/history.json" => {
            let from = query.number("from").unwrap_or(0);
            Answer::new(JSON, state.history.borrow().json(from))
        }
        "/tasks.json" => match query.number("id") {
            None => Answer::new(JSON, state.snapshot().dump.json().to_string()),
            Some(id) => Answer::new(JSON, state.task(id).json().to_string()),
        },
        "/metrics.json" => Answer::new(JSON, numbers::json(&metrics())),
        "/metrics" => Answer::new(OPENMETRICS, metrics().openmetrics().to_string()),
        "/dump.txt" => Answer::new(TEXT, state.snapshot().dump.to_string()),
        _ => Answer::not_found(),
    }
}

fn page() -> Answer {
    let nonce = nonce();
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + SCRIPT.len());
    for piece in PAGE.split_inclusive("{nonce}") {
        match piece.strip_suffix("{nonce}") {
            Some(piece) => page.extend([piece, &nonce]),
            None => page.push_str(piece),
        }
    }
    let page = page.replace("{style}", STYLE).replace("{script}", SCRIPT);
    Answer::page(page, &nonce)
}
