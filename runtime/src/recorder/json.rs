//! A flight record in Chrome's trace-event format, for Perfetto. What the tracks are is on the page
//! of [`FlightRecord::json`].

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display, Write};

use super::event::{By, Event, What};
use super::record::{FlightRecord, Now, Recorded};
use crate::json::Text;
use crate::limits::TRACKS_MAX;
use crate::task::Reason;

pub(super) struct Json<'a>(pub(super) &'a FlightRecord);

impl Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"{"displayTimeUnit":"ns","traceEvents":["#)?;
        let mut out = Out { f, any: false };
        let drawn: Vec<_> =
            self.0.workers.iter().map(|worker| Drawn::new(self.0, worker)).collect();
        let mut runs = Runs::default();
        for worker in &drawn {
            runs.add(worker);
        }
        let mut runtimes: Vec<u32> = drawn.iter().map(|worker| worker.of.runtime).collect();
        runtimes.dedup();
        for &runtime in &runtimes {
            let process = workers_of(runtime);
            let (track, name) = (Track { process, thread: 0 }, format!("gocoro runtime {runtime}"));
            out.name("process", track, &name, process)?;
        }
        for worker in &drawn {
            worker.draw(&mut out)?;
        }
        let mut arrows = 0;
        for worker in &drawn {
            worker.draw_arrows(&runs, &mut arrows, &mut out)?;
        }
        for runtime in runtimes {
            draw_tasks(runtime, &drawn, &mut out)?;
        }
        out.f.write_str("]}")
    }
}

/// The events, one a line, between commas.
struct Out<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    any: bool,
}

impl Out<'_, '_> {
    /// Begins an event of this phase on this track.
    fn event(&mut self, phase: &str, track: Track) -> fmt::Result {
        let comma = if self.any { ",\n" } else { "\n" };
        self.any = true;
        let Track { process, thread } = track;
        write!(self.f, r#"{comma}{{"ph":"{phase}","pid":{process},"tid":{thread}"#)
    }

    /// Gives a process or a thread its name and its place.
    fn name(&mut self, what: &str, track: Track, name: &str, place: u64) -> fmt::Result {
        self.event("M", track)?;
        write!(self.f, r#","name":"{what}_name","args":{{"name":{}}}}}"#, Text(name))?;
        self.event("M", track)?;
        write!(self.f, r#","name":"{what}_sort_index","args":{{"sort_index":{place}}}}}"#)
    }

    fn slice(&mut self, track: Track, span: Span, name: &str, kind: &str) -> fmt::Result {
        self.event("X", track)?;
        let (begin, length) = (Micros(span.begin), Micros(span.end - span.begin));
        let name = Text(name);
        write!(self.f, r#","ts":{begin},"dur":{length},"name":{name},"cat":"{kind}""#)
    }

    fn instant(&mut self, track: Track, at: u64, name: &str, kind: &str) -> fmt::Result {
        self.event("i", track)?;
        write!(self.f, r#","s":"t","ts":{},"name":{},"cat":"{kind}""#, Micros(at), Text(name))
    }

    /// Draws an arrow from a moment on one track to the beginning of a slice on another.
    fn arrow(&mut self, id: u64, name: &str, from: (Track, u64), to: (Track, u64)) -> fmt::Result {
        let mut end = |phase: &str, (track, at): (Track, u64), bound: &str| {
            self.event(phase, track)?;
            let at = Micros(at);
            write!(self.f, r#","id":{id},"ts":{at},"name":"{name}","cat":"wake"{bound}}}"#)
        };
        end("s", from, "")?;
        end("f", to, r#","bp":"e""#)
    }
}

/// Nanoseconds, written as microseconds.
struct Micros(u64);

impl Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

#[derive(Clone, Copy)]
struct Track {
    process: u64,
    thread: u64,
}

/// The process of a runtime's workers, and that of its tasks.
fn workers_of(runtime: u32) -> u64 {
    2 * u64::from(runtime)
}

fn tasks_of(runtime: u32) -> u64 {
    2 * u64::from(runtime) + 1
}

/// A time in nanoseconds.
#[derive(Clone, Copy)]
struct Span {
    begin: u64,
    end: u64,
}

/// A slice of a worker's track.
struct Slice {
    span: Span,
    task: u64,
    /// `None`: it is not over.
    what: Option<What>,
}

/// A worker with its times in nanoseconds, in order, none inside another.
struct Drawn<'a> {
    of: &'a Recorded,
    track: Track,
    slices: Vec<Slice>,
    /// What takes no time.
    instants: Vec<(u64, &'a Event)>,
    /// When the record was read.
    until: u64,
}

impl<'a> Drawn<'a> {
    fn new(record: &FlightRecord, of: &'a Recorded) -> Drawn<'a> {
        let nanos = |ticks| record.scale.nanos(ticks);
        let process = workers_of(of.runtime);
        let track = Track { process, thread: of.worker as u64 + 1 };
        let until = nanos(of.until);
        let mut drawn = Drawn { of, track, slices: Vec::new(), instants: Vec::new(), until };
        for event in &of.events {
            let at = nanos(event.at);
            if event.what.is_run() || matches!(event.what, What::Slept | What::Polled) {
                let begin = nanos(event.at.saturating_sub(event.took));
                drawn.push(begin, at, event.task, Some(event.what));
            } else {
                drawn.instants.push((at, event));
            }
        }
        match of.now {
            Now::Nothing => {}
            Now::Runs { task, since } => drawn.push(nanos(since), until, task, None),
            Now::Sleeps { since } => drawn.push(nanos(since), until, 0, Some(What::Slept)),
        }
        // A run is written when it is over, what happened in it before that; and a worker may run
        // inside another one's task.
        drawn.instants.sort_by_key(|(at, _)| *at);
        drawn
    }

    fn push(&mut self, begin: u64, end: u64, task: u64, what: Option<What>) {
        let begin = begin.max(self.slices.last().map_or(0, |slice| slice.span.end));
        self.slices.push(Slice { span: Span { begin, end: end.max(begin) }, task, what });
    }

    /// The task's name, or where it was spawned, or at least its number.
    fn label(&self, task: u64) -> String {
        match self.of.tasks.get(&task) {
            Some(about) => match &about.name {
                Some(name) => name.to_string(),
                None => format!("{}:{}", about.spawned_at.file(), about.spawned_at.line()),
            },
            None => format!("task {task}"),
        }
    }

    fn draw(&self, out: &mut Out<'_, '_>) -> fmt::Result {
        let worker = self.of.worker;
        out.name("thread", self.track, &format!("worker {worker}"), worker as u64)?;
        let mut instants = self.instants.iter().peekable();
        for slice in &self.slices {
            while let Some(&(at, event)) = instants.next_if(|(at, _)| *at < slice.span.begin) {
                self.draw_instant(at, event, out)?;
            }
            self.draw_slice(slice, out)?;
        }
        instants.try_for_each(|&(at, event)| self.draw_instant(at, event, out))
    }

    fn draw_slice(&self, slice: &Slice, out: &mut Out<'_, '_>) -> fmt::Result {
        let kind = match slice.what {
            Some(What::Slept) => return self.draw_own(slice, "sleep", out),
            Some(What::Polled) => return self.draw_own(slice, "poll", out),
            _ => "task",
        };
        out.slice(self.track, slice.span, &self.label(slice.task), kind)?;
        write!(out.f, r#","args":{{"task":{}"#, slice.task)?;
        if let Some(about) = self.of.tasks.get(&slice.task) {
            write!(out.f, r#","spawned_at":{}"#, Text(&about.spawned_at.to_string()))?;
        }
        let then = slice.what.map_or("runs still", then);
        write!(out.f, r#","then":{}}}}}"#, Text(then))
    }

    fn draw_own(&self, slice: &Slice, name: &str, out: &mut Out<'_, '_>) -> fmt::Result {
        out.slice(self.track, slice.span, name, "worker")?;
        out.f.write_char('}')
    }

    fn draw_instant(&self, at: u64, event: &Event, out: &mut Out<'_, '_>) -> fmt::Result {
        let (does, kind) = match event.what {
            What::Woken(By::Task) => ("wakes", "wake"),
            What::Woken(By::Timer) => ("timer wakes", "wake"),
            What::Woken(By::Poll) => ("event wakes", "wake"),
            What::Woken(By::Thread) => ("another thread wakes", "wake"),
            What::AskedToRun => ("asks another worker to wake", "wake"),
            What::Spawned => ("spawns", "task"),
            What::Stolen => ("steals", "worker"),
            What::Cancelled => ("cancels", "task"),
            What::Panicked => ("panics:", "task"),
            _ => return Ok(()),
        };
        let name = match self.of.tasks.contains_key(&event.task) {
            true => format!("{does} {}", self.label(event.task)),
            false => format!("{does} task {}", event.task),
        };
        out.instant(self.track, at, &name, kind)?;
        write!(out.f, r#","args":{{"task":{}"#, event.task)?;
        if event.by != 0 {
            write!(out.f, r#","by":{},"by_name":{}"#, event.by, Text(&self.label(event.by)))?;
        }
        out.f.write_str("}}")
    }

    /// Draws an arrow for each wake by a task and each spawn here.
    fn draw_arrows(&self, runs: &Runs, count: &mut u64, out: &mut Out<'_, '_>) -> fmt::Result {
        for &(at, event) in &self.instants {
            let name = match event.what {
                What::Woken(By::Task | By::Poll) | What::AskedToRun => "wake",
                What::Spawned => "spawn",
                _ => continue,
            };
            // The slice that ends just then has not ended a nanosecond before.
            let after = self.slices.partition_point(|slice| slice.span.end < at);
            let Some(slice) = self.slices.get(after).filter(|slice| slice.span.begin <= at) else {
                continue;
            };
            let from = at.min((slice.span.end - 1).max(slice.span.begin));
            if let Some(to) = runs.first_from(event.task, at) {
                *count += 1;
                out.arrow(*count, name, (self.track, from), to)?;
            }
        }
        Ok(())
    }
}

/// What a run of a task ended in.
fn then(what: What) -> &'static str {
    match what {
        What::Waits(reason) => waits_for(reason),
        What::Yields => "gives way",
        What::Ends(outcome) => outcome.as_str(),
        _ => "",
    }
}

/// What a task waits for, as its own track names it.
fn waits_for(reason: Reason) -> &'static str {
    match reason {
        Reason::Readable => "read",
        Reason::Writable => "write",
        Reason::Receive => "recv",
        Reason::Blocking => "blocking call",
        Reason::Signal => "signal",
        Reason::Future => "future",
        Reason::Children => "children",
        reason => reason.plain(),
    }
}

/// When and where tasks have run, by their ids.
#[derive(Default)]
struct Runs(HashMap<u64, Vec<(u64, Track)>>);

impl Runs {
    fn add(&mut self, worker: &Drawn<'_>) {
        for slice in worker.slices.iter().filter(|slice| slice.task != 0) {
            self.0.entry(slice.task).or_default().push((slice.span.begin, worker.track));
        }
    }

    /// The first run of this task that has begun at this time or after it.
    fn first_from(&self, task: u64, at: u64) -> Option<(Track, u64)> {
        // A task stays on its worker, so its runs stand in order.
        let runs = self.0.get(&task)?;
        let &(begin, track) = runs.get(runs.partition_point(|(begin, _)| *begin < at))?;
        Some((track, begin))
    }
}

/// A task with a name, and what it did on its worker, in order.
#[derive(Default)]
struct OfTask<'a> {
    runs: Vec<&'a Slice>,
    woken: Vec<u64>,
}

/// Draws the tracks of a runtime's tasks that have names.
fn draw_tasks(runtime: u32, drawn: &[Drawn<'_>], out: &mut Out<'_, '_>) -> fmt::Result {
    let process = tasks_of(runtime);
    let mut named = BTreeMap::<u64, (&Drawn<'_>, OfTask<'_>)>::new();
    for worker in drawn.iter().filter(|worker| worker.of.runtime == runtime) {
        let has_name =
            |task: &u64| worker.of.tasks.get(task).is_some_and(|about| about.name.is_some());
        for slice in worker.slices.iter().filter(|slice| has_name(&slice.task)) {
            let (_, of) = named.entry(slice.task).or_insert((worker, OfTask::default()));
            of.runs.push(slice);
        }
        for &(at, event) in &worker.instants {
            if let (What::Woken(_), Some((_, of))) = (event.what, named.get_mut(&event.task)) {
                of.woken.push(at);
            }
        }
    }
    for (place, (task, (worker, of))) in named.iter().take(TRACKS_MAX).enumerate() {
        let track = Track { process, thread: place as u64 + 1 };
        if place == 0 {
            out.name("process", track, &format!("tasks of runtime {runtime}"), process)?;
        }
        out.name("thread", track, &format!("{} ({task})", worker.label(*task)), place as u64)?;
        draw_task(of, track, worker, out)?;
    }
    Ok(())
}

/// Draws what a task did, and what it waited for.
fn draw_task(
    of: &OfTask<'_>,
    track: Track,
    worker: &Drawn<'_>,
    out: &mut Out<'_, '_>,
) -> fmt::Result {
    let mut wakes = of.woken.iter().copied().peekable();
    let mut next_runs = of.runs.iter().skip(1);
    for run in &of.runs {
        out.slice(track, run.span, "runs", "task")?;
        let then = Text(run.what.map_or("runs still", then));
        write!(out.f, r#","args":{{"worker":{},"then":{then}}}}}"#, worker.of.worker)?;
        let end = run.span.end;
        // A task that does not run again waits still, or is runnable.
        let next = next_runs.next().map_or(worker.until.max(end), |next| next.span.begin);
        while wakes.next_if(|&at| at < end).is_some() {}
        let mut runnable = Span { begin: end, end: next };
        match run.what {
            Some(What::Waits(reason)) => {
                runnable.begin = wakes.next_if(|&at| at <= next).unwrap_or(next);
                let waits = Span { begin: end, end: runnable.begin };
                out.slice(track, waits, waits_for(reason), "wait")?;
                out.f.write_char('}')?;
            }
            Some(What::Yields) => {}
            _ => continue,
        }
        if runnable.begin < runnable.end {
            out.slice(track, runnable, "runnable", "wait")?;
            out.f.write_char('}')?;
        }
    }
    Ok(())
}
