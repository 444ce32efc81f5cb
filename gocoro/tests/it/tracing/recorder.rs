//! A subscriber's layer that remembers what it is told.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// What is known of one span.
#[derive(Debug, Default)]
struct Known {
    name: &'static str,
    parent: Option<u64>,
    fields: HashMap<&'static str, String>,
    events: usize,
    closed: bool,
}

#[derive(Debug, Default)]
struct State {
    /// By the registry's id, which may be used again once a span is closed.
    spans: HashMap<u64, Known>,
    closed: usize,
}

/// The process's recorder.
#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<State>);

static RECORDER: OnceLock<&'static Recorder> = OnceLock::new();

/// The recorder, which listens from its first use on.
pub(super) fn recorder() -> &'static Recorder {
    RECORDER.get_or_init(|| {
        let recorder: &'static Recorder = Box::leak(Box::default());
        tracing::subscriber::set_global_default(Registry::default().with(Listener(recorder)))
            .expect("the only subscriber of this process");
        recorder
    })
}

impl Recorder {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    /// The names of the current span and of those around it, outermost first, below the innermost
    /// one with this name.
    pub(super) fn path_below(&self, name: &str) -> Vec<String> {
        let mut next = tracing::Span::current().id().map(|id| id.into_u64());
        self.with(|state| {
            let mut names = Vec::new();
            while let Some(known) = next.and_then(|id| state.spans.get(&id)) {
                if known.name == name {
                    break;
                }
                names.insert(0, known.name.to_owned());
                next = known.parent;
            }
            names
        })
    }

    pub(super) fn fields(&self, span: &Id) -> HashMap<&'static str, String> {
        self.with(|state| state.spans[&span.into_u64()].fields.clone())
    }

    /// How many events were told in this very span.
    pub(super) fn events(&self, span: &Id) -> usize {
        self.with(|state| state.spans[&span.into_u64()].events)
    }

    /// Whether it has ended; its id may stand for another by now, which has not.
    pub(super) fn is_closed(&self, span: &Id) -> bool {
        self.with(|state| {
            let known = &state.spans[&span.into_u64()];
            known.closed || known.name != "held"
        })
    }

    /// How many have ended.
    pub(super) fn closed(&self) -> usize {
        self.with(|state| state.closed)
    }
}

/// Whether the listener panics when it is told of a span's end.
static FAILS: AtomicBool = AtomicBool::new(false);

/// Runs `f` while the listener panics at the end of each span.
pub(super) fn failing_at_ends(f: impl FnOnce()) {
    FAILS.store(true, SeqCst);
    f();
    FAILS.store(false, SeqCst);
}

/// Who is told that a span ends, and says when the listener may go on.
static AT_END: Mutex<Option<(Sender<()>, Receiver<()>)>> = Mutex::new(None);

/// The listener is held at the end of the next span, once it has told so, until it is told to go
/// on.
pub(super) fn hold_at_end() -> (Receiver<()>, Sender<()>) {
    let ((ends, has_ended), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
    *AT_END.lock().unwrap() = Some((ends, may_go_on));
    (has_ended, go_on)
}

struct Listener(&'static Recorder);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Listener {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| Some(span.parent()?.id().into_u64()));
        let mut known = Known { name: attributes.metadata().name(), parent, ..Known::default() };
        attributes.record(&mut Fields(&mut known.fields));
        self.0.with(|state| state.spans.insert(id.into_u64(), known));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        self.0.with(|state| {
            if let Some(known) = state.spans.get_mut(&span.id().into_u64()) {
                known.events += 1;
            }
        });
    }

    fn on_close(&self, id: Id, _context: Context<'_, S>) {
        let held = AT_END.lock().unwrap().take();
        if let Some((ends, may_go_on)) = held {
            ends.send(()).unwrap();
            may_go_on.recv().unwrap();
        }
        self.0.with(|state| {
            state.closed += 1;
            if let Some(known) = state.spans.get_mut(&id.into_u64()) {
                known.closed = true;
            }
        });
        if FAILS.load(SeqCst) {
            panic!("at the end of a span");
        }
    }
}

struct Fields<'a>(&'a mut HashMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
