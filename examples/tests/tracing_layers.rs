//! The runtime's spans and events, as the usual layers of `tracing` subscribers see them: lines of
//! text, JSON, a tree, and OpenTelemetry; each filtered by targets.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use gocoro::runtime::Builder;
use gocoro::task::{self, JoinHandle};
use gocoro::{go, sync, time};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::info_span;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_tree::HierarchicalLayer;

/// What a layer has written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Written;

    fn make_writer(&self) -> Written {
        self.clone()
    }
}

#[derive(Clone, Default, Debug)]
struct Exported(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Exported {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// What all layers are to see: a task in a task, a taken lock, a cancel and a panic.
fn work() {
    let _outer = info_span!("request", number = 7).entered();
    let lock = Arc::new(sync::Mutex::new(0));
    let parent = go!(name = "parent", clone(lock) => {
        let mut guard = lock.lock().unwrap();
        let child = go!(name = "child", clone(lock) => {
            let _inside = info_span!("inside").entered();
            *lock.lock().unwrap() += 1;
            time::sleep(std::time::Duration::from_millis(1));
        });
        task::yield_now();
        *guard += 1;
        drop(guard);
        child.wait();
    });
    parent.wait();
    let waits = go!(name = "waits" => task::park());
    waits.cancel();
    assert!(waits.join().is_err());
    let fails = go!(name = "fails" => std::panic::panic_any("expected"));
    let _: &JoinHandle<()> = &fails;
    assert!(fails.join().is_err());
}

#[test]
fn each_layer_sees_tasks_and_their_events() {
    let (text, json, tree, quiet) =
        (Written::default(), Written::default(), Written::default(), Written::default());
    let exported = Exported::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exported.clone()).build();
    let all =
        || Targets::new().with_target("gocoro", LevelFilter::TRACE).with_default(LevelFilter::INFO);
    let tasks = Targets::new().with_target("gocoro::task", LevelFilter::TRACE);
    macro_rules! fmt {
        () => {
            tracing_subscriber::fmt::layer().with_ansi(false)
        };
    }
    tracing_subscriber::registry()
        .with(fmt!().with_writer(text.clone()).with_filter(tasks))
        .with(fmt!().with_writer(quiet.clone()).with_filter(LevelFilter::WARN))
        .with(fmt!().json().with_writer(json.clone()).with_filter(all()))
        .with(
            HierarchicalLayer::new(2)
                .with_ansi(false)
                .with_targets(true)
                .with_writer(tree.clone())
                .with_filter(all()),
        )
        .with(
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("layers"))
                .with_filter(all()),
        )
        .init();

    let runtime = Builder::new().workers(2).build().unwrap();
    runtime.run(work);
    drop(runtime);
    provider.force_flush().unwrap();

    let text = text.text();
    for expected in [
        "TRACE gocoro::task: spawned id=",
        "name=\"parent\" spawned_at=",
        "TRACE gocoro::task: ended id=",
        "outcome=\"cancelled\"",
        "DEBUG gocoro::task: cancelled id=",
        "ERROR gocoro::task: panicked id=",
        "panic=\"expected\"",
    ] {
        assert!(text.contains(expected), "no {expected} in:\n{text}");
    }
    assert!(!text.contains("gocoro::sync"), "{text}");

    let quiet = quiet.text();
    let lines: Vec<_> = quiet.lines().filter(|line| !line.contains("resumed late")).collect();
    assert!(lines.len() == 1 && lines[0].contains("panicked"), "{quiet}");

    let json = json.text();
    let contended: Vec<_> =
        json.lines().filter(|line| line.contains(r#""message":"contended""#)).collect();
    let [contended, ..] = contended[..] else { panic!("{json}") };
    for expected in [
        r#""target":"gocoro::sync""#,
        r#""lock":"mutex""#,
        r#""holder":"task "#,
        r#""name":"request""#,
        r#""name":"inside""#,
    ] {
        assert!(contended.contains(expected), "no {expected} in {contended}");
    }

    let tree = tree.text();
    for expected in ["request", "task", "inside", "contended", r#"outcome="returned""#] {
        assert!(tree.contains(expected), "no {expected} in:\n{tree}");
    }

    let spans = exported.0.lock().unwrap();
    let named = |name: &str| {
        let is_it = |span: &&SpanData| {
            span.name == "task"
                && span
                    .attributes
                    .iter()
                    .any(|pair| pair.key.as_str() == "name" && pair.value.as_str() == name)
        };
        spans.iter().find(is_it).unwrap_or_else(|| panic!("no span of {name}: {spans:#?}"))
    };
    let (parent, child) = (named("parent"), named("child"));
    let request = spans.iter().find(|span| span.name == "request").unwrap();
    assert_eq!(parent.parent_span_id, request.span_context.span_id());
    assert_eq!(child.parent_span_id, parent.span_context.span_id());
    assert_eq!(child.span_context.trace_id(), request.span_context.trace_id());
    let events = |span: &SpanData| -> Vec<String> {
        span.events.iter().map(|event| event.name.to_string()).collect()
    };
    assert_eq!(events(parent), ["spawned", "ended"], "of its child, and of itself");
    assert_eq!(events(named("fails")), ["panicked", "ended"]);
    let inside = spans.iter().find(|span| span.name == "inside").unwrap();
    assert_eq!(inside.parent_span_id, child.span_context.span_id());
}
