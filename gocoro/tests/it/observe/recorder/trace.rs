//! A flight record as a viewer of traces reads it, and what the format asks of it.

use std::collections::HashMap;

use gocoro::runtime::{FlightRecord, flight_record};

use crate::support::json::Json;

/// A process and a thread of it.
pub(super) type Track = (u64, u64);

/// One event that is no name.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) phase: String,
    pub(super) track: Track,
    pub(super) name: String,
    /// In nanoseconds.
    pub(super) begin: u64,
    pub(super) end: u64,
    args: Option<Json>,
    id: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Trace {
    /// But for names and arrows, in the order of the text.
    pub(super) events: Vec<Event>,
    /// Where each arrow begins and ends.
    pub(super) arrows: Vec<(Event, Event)>,
    pub(super) threads: HashMap<Track, String>,
    pub(super) processes: HashMap<u64, String>,
}

fn nanos(value: &Json) -> u64 {
    let Json::Decimal(micros) = value else { panic!("no time: {value:?}") };
    (micros * 1000.0).round() as u64
}

impl Event {
    fn read(value: &Json) -> Event {
        let begin = nanos(value.at("ts"));
        Event {
            phase: value.at("ph").as_text().to_owned(),
            track: (value.at("pid").as_number(), value.at("tid").as_number()),
            name: value.at("name").as_text().to_owned(),
            begin,
            end: begin + value.get("dur").map_or(0, nanos),
            args: value.get("args").cloned(),
            id: value.get("id").map(Json::as_number),
        }
    }

    pub(super) fn is_slice(&self) -> bool {
        self.phase == "X"
    }

    /// One of the arguments, if it is there.
    pub(super) fn arg(&self, name: &str) -> Option<&str> {
        self.args.as_ref()?.get(name).map(Json::as_text)
    }

    /// What a run ended in.
    pub(super) fn then(&self) -> &str {
        self.arg("then").unwrap_or("")
    }
}

impl Trace {
    pub(super) fn now() -> Trace {
        Trace::of(&flight_record())
    }

    pub(super) fn of(record: &FlightRecord) -> Trace {
        Trace::read(&record.json().to_string())
    }

    /// Reads a trace, and checks it.
    pub(super) fn read(text: &str) -> Trace {
        let json = Json::read(text);
        assert_eq!(json.at("displayTimeUnit").as_text(), "ns");
        let mut trace = Trace {
            events: Vec::new(),
            arrows: Vec::new(),
            threads: HashMap::new(),
            processes: HashMap::new(),
        };
        let mut open: HashMap<u64, Event> = HashMap::new();
        for value in json.list("traceEvents") {
            let phase = value.at("ph").as_text();
            if phase == "M" {
                let track = (value.at("pid").as_number(), value.at("tid").as_number());
                let name = || value.at("args.name").as_text().to_owned();
                match value.at("name").as_text() {
                    "process_name" => drop(trace.processes.insert(track.0, name())),
                    "thread_name" => drop(trace.threads.insert(track, name())),
                    "process_sort_index" | "thread_sort_index" => {
                        value.at("args.sort_index").as_number();
                    }
                    name => panic!("an unknown kind of name: {name}"),
                }
                continue;
            }
            let event = Event::read(value);
            match phase {
                "X" | "i" => trace.events.push(event),
                "s" => assert!(open.insert(event.id.unwrap(), event).is_none()),
                "f" => {
                    assert_eq!(value.at("bp").as_text(), "e");
                    let from = open.remove(&event.id.unwrap()).expect("an arrow has a beginning");
                    trace.arrows.push((from, event));
                }
                phase => panic!("an unknown phase: {phase}"),
            }
        }
        assert!(open.is_empty(), "arrows without an end: {open:?}");
        trace.check();
        trace
    }

    fn check(&self) {
        let mut last: HashMap<Track, &Event> = HashMap::new();
        let mut slices: HashMap<Track, Vec<&Event>> = HashMap::new();
        for event in &self.events {
            assert!(self.threads.contains_key(&event.track), "a track without a name: {event:?}");
            assert!(self.processes.contains_key(&event.track.0), "no name: {event:?}");
            if let Some(before) = last.insert(event.track, event) {
                assert!(before.begin <= event.begin, "{before:?} comes before {event:?}");
            }
            if event.is_slice() {
                let slices = slices.entry(event.track).or_default();
                if let Some(before) = slices.last() {
                    assert!(before.end <= event.begin, "{before:?} overlaps {event:?}");
                }
                slices.push(event);
            }
        }
        for (from, to) in &self.arrows {
            assert!(from.begin <= to.begin, "an arrow goes back in time: {from:?} {to:?}");
            for end in [from, to] {
                let on = &slices[&end.track];
                let around = on.partition_point(|slice| slice.begin <= end.begin);
                let is_in = |slice: &&Event| end.begin < slice.end || end.begin == slice.begin;
                assert!(on[..around].last().is_some_and(is_in), "no slice around {end:?}");
            }
        }
    }

    /// What was on the workers' tracks of the runtime that has run a task with this name.
    pub(super) fn beside(&self, name: &str) -> Vec<&Event> {
        let is_it = |event: &&Event| event.name == name && event.is_slice();
        let process = self.events.iter().find(is_it).map(|event| event.track.0);
        self.events.iter().filter(|event| Some(event.track.0) == process).collect()
    }

    /// The runs of the task with this name, in order.
    pub(super) fn runs(&self, name: &str) -> Vec<&Event> {
        self.events.iter().filter(|event| event.name == name && event.is_slice()).collect()
    }

    /// What is on the track of the task with this name.
    pub(super) fn track_of(&self, name: &str) -> Vec<&Event> {
        let is_it = |(_, thread): &(&Track, &String)| thread.starts_with(&format!("{name} ("));
        let track = self.threads.iter().find(is_it).map(|(track, _)| *track);
        self.events.iter().filter(|event| Some(event.track) == track).collect()
    }
}
