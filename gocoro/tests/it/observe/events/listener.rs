//! A subscriber that keeps the runtime's events.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// One event.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Told {
    pub(super) target: &'static str,
    pub(super) level: Level,
    pub(super) message: String,
    pub(super) fields: HashMap<&'static str, String>,
    /// The names of the spans around it, outermost first.
    pub(super) spans: Vec<String>,
}

static EVENTS: Mutex<Option<Vec<Told>>> = Mutex::new(None);
static REACTION: Mutex<Option<fn()>> = Mutex::new(None);

/// Runs `f`, and returns what the runtime has told meanwhile.
pub(super) fn listen<T>(f: impl FnOnce() -> T) -> (T, Vec<Told>) {
    install();
    *EVENTS.lock().unwrap() = Some(Vec::new());
    let value = f();
    (value, EVENTS.lock().unwrap().take().unwrap())
}

/// What the runtime has told since `listen` began.
pub(super) fn meanwhile() -> Vec<Told> {
    EVENTS.lock().unwrap().clone().unwrap_or_default()
}

/// Runs `f` while the subscriber does `reaction` at each event.
pub(super) fn with_reaction(reaction: fn(), f: impl FnOnce()) {
    install();
    *REACTION.lock().unwrap() = Some(reaction);
    f();
    *REACTION.lock().unwrap() = None;
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Registry::default().with(Listener))
            .expect("the only subscriber of this process");
    });
}

struct Listener;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let target = event.metadata().target();
        if !target.starts_with("gocoro::") {
            return;
        }
        let mut told = Told {
            target,
            level: *event.metadata().level(),
            message: String::new(),
            fields: HashMap::new(),
            spans: Vec::new(),
        };
        event.record(&mut Fields(&mut told));
        let scope = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        told.spans = scope.map(|span| span.name().to_owned()).collect();
        if let Some(events) = &mut *EVENTS.lock().unwrap() {
            events.push(told);
        }
        let reaction = *REACTION.lock().unwrap();
        if let Some(reaction) = reaction {
            reaction();
        }
    }
}

struct Fields<'a>(&'a mut Told);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.0.message = value,
            name => drop(self.0.fields.insert(name, value)),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }
}
