//! Lesson: spans follow the task, not the thread.
//!
//! `#[tracing::instrument]` on a plain function keeps a span entered while the function runs. Two
//! tasks of one worker suspend in the middle of it and take turns; gocoro takes a task's spans off
//! when it suspends and puts them back when it goes on, so each line shows its own order and step.
//! Async code needs `.instrument(span)` for this.
//!
//! Run it: `cargo run -p gocoro-examples --bin tracing`

use gocoro::{go, go_main, time};
use std::fmt;
use std::time::Duration;
use tracing::{Event, Subscriber, info, instrument};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

#[instrument]
fn order(id: u32) {
    info!("received");
    for item in ["tea", "cake"] {
        prepare(item);
    }
    info!("done");
}

#[instrument]
fn prepare(item: &str) {
    info!("started");
    time::sleep(Duration::from_millis(10)); // the other order's lines come here
    info!("ready");
}

/// Prints each event as a leaf under its spans, indented by one step for each span.
struct Tree;

impl<S, N> FormatEvent<S, N> for Tree
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map_or("", |f| f.fields.as_str());
            write!(out, "{} {fields} / ", span.name())?;
        }
        context.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}

#[go_main(workers = 1)]
fn main() {
    tracing_subscriber::fmt().event_format(Tree).init();
    let orders = [go!(order(1)), go!(order(2))];
    for order in orders {
        order.wait();
    }
}
