//! The workers and tasks of a gocoro, read while it goes on.
//!
//! Whatever is read may be something else a moment later: a task ends, its memory becomes another
//! task, or is given back. So each step is checked. A task belongs to the list if its word names
//! this worker, and its predecessor is where the walk came from. If not, the walk goes back to the
//! last task that is still there. What belongs together is read twice, and has to be the same.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::failure::Failure;
use crate::memory::{Bytes, Fault, Process, clean};
use crate::table::{Fields, Table};
use crate::wait::{self, Wait};

/// How often something is read again that changes while it is read.
pub(crate) const TRIES: usize = 5;

/// How many steps a walk makes for each task that its worker has, and in all at least. A list that
/// changes faster than that is shown in part.
const STEPS_A_TASK: u64 = 4;
const STEPS_MIN: u64 = 10_000;

/// More tasks than a process has memory for.
const TASKS_MAX: u64 = 1 << 28;

/// How much is read of a name, be it of a task, a file or a type. Of a longer one the end is
/// missing.
const TEXT_BYTES_MAX: u64 = 4096;

/// A worker, as it was found.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) mailbox: u64,
    core: u64,
    pub(crate) runtime: u32,
    pub(crate) index: u64,
    /// The kernel's number of its thread.
    pub(crate) thread: u32,
    pub(crate) unstarted: u64,
    pub(crate) tasks: Vec<Task>,
    /// Whether all of its tasks are here.
    pub(crate) is_whole: bool,
}

/// What a task does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Running,
    Runnable,
    Waiting,
}

/// A task, as it was found.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) address: u64,
    pub(crate) id: u64,
    pub(crate) name: Option<String>,
    pub(crate) site: String,
    /// The scope or group that it belongs to, with where that was created.
    pub(crate) scope: Option<String>,
    /// The task that spawned it; zero: none, or not known.
    pub(crate) parent: u64,
    pub(crate) is_daemon: bool,
    pub(crate) is_cancelled: bool,
    pub(crate) state: State,
    pub(crate) wait: Option<Wait>,
    pub(crate) stack_bytes: u64,
}

/// What is needed to read a gocoro.
pub(crate) struct Reader<'a> {
    pub(crate) process: &'a Process,
    pub(crate) table: &'a Table,
    pub(crate) fields: &'a Fields,
    /// Places in the program that were read, by their addresses.
    sites: RefCell<HashMap<u64, String>>,
}

impl<'a> Reader<'a> {
    /// `None`: that gocoro has had no runtime.
    pub(crate) fn new(process: &'a Process, table: &'a Table) -> Option<Self> {
        let fields = table.fields.as_ref()?;
        Some(Self { process, table, fields, sites: RefCell::default() })
    }

    /// All workers with their tasks.
    pub(crate) fn workers(&self) -> Result<Vec<Worker>, Failure> {
        let mut workers = Vec::new();
        let mailboxes =
            solid(self.process.bytes(self.table.mailboxes, self.table.mailbox_count * 8))?;
        let mailboxes = Bytes(mailboxes.unwrap_or_default());
        for number in 0..self.table.mailbox_count {
            let Some(mailbox @ 1..) = mailboxes.word(number as u64 * 8) else { break };
            let mut worker = None;
            for _ in 0..TRIES {
                worker = solid(self.worker(mailbox))?.flatten();
                if worker.is_some() {
                    break;
                }
            }
            workers.extend(worker);
        }
        workers.sort_by_key(|worker| (worker.runtime, worker.index));
        for worker in &mut workers {
            let (tasks, is_whole) = self.tasks(worker)?;
            worker.tasks = tasks;
            worker.is_whole = is_whole;
        }
        Ok(workers)
    }

    /// The worker that has this mailbox, if one has.
    fn worker(&self, mailbox: u64) -> Result<Option<Worker>, Fault> {
        let fields = self.fields;
        let read = || Ok(Bytes(self.process.bytes(mailbox, fields.mailbox_bytes as usize)?));
        let before = read()?;
        let core @ 1.. = before.word(fields.mailbox_core).ok_or(Fault::Nowhere)? else {
            return Ok(None);
        };
        let bytes = Bytes(self.process.bytes(core, fields.core_bytes as usize)?);
        let found = (|| {
            let worker = bytes.word(fields.core_worker)?;
            Some((bytes.half(fields.core_runtime)?, worker, bytes.word(fields.core_unstarted)?))
        })();
        let (runtime, worker, unstarted) = found.ok_or(Fault::Nowhere)?;
        let index = self.process.word(worker.wrapping_add(fields.worker_index))?;
        let after = read()?;
        let id = before.half(fields.mailbox_id).ok_or(Fault::Nowhere)? & 0xffff;
        let thread = before.half(fields.mailbox_thread).ok_or(Fault::Nowhere)?;
        let is_same = after.word(fields.mailbox_core) == Some(core);
        Ok(is_same.then(|| Worker {
            mailbox: id.into(),
            core,
            runtime,
            index,
            thread,
            unstarted,
            tasks: Vec::new(),
            is_whole: false,
        }))
    }

    /// The tasks of a worker, oldest first, and whether these are all. Each was there at some time
    /// during the walk, and each that was there all the time is among them.
    fn tasks(&self, worker: &Worker) -> Result<(Vec<Task>, bool), Failure> {
        let fields = self.fields;
        let core = |offset| solid(self.process.word(worker.core.wrapping_add(offset)));
        let count = core(fields.core_live_count)?.unwrap_or(0).min(TASKS_MAX);
        let mut steps = count * STEPS_A_TASK + STEPS_MIN;
        let mut found = HashMap::new();
        // The tasks that the walk has passed, and their ids.
        let mut path: Vec<(u64, u64)> = Vec::new();
        let Some(mut at) = core(fields.core_live)? else { return Ok((Vec::new(), false)) };
        while at != 0 {
            if steps == 0 {
                return Ok((in_order(found), false));
            }
            steps -= 1;
            let from = path.last().map_or(0, |&(address, _)| address);
            let head = solid(self.head(at))?.filter(|head| {
                self.is_live(head, worker) && head.word(fields.task_previous) == Some(from)
            });
            if let Some(head) = head
                && let Some((task, next)) = self.task(at, head, worker)?
            {
                path.push((at, task.id));
                found.insert(task.id, task);
                at = next;
                continue;
            }
            // Back to the last task that is still there, and on from it.
            at = loop {
                let Some(&(address, id)) = path.last() else {
                    // The worker may have ended meanwhile, and its memory may be anything.
                    let Some(first) = core(fields.core_live)?.filter(|_| self.is_there(worker))
                    else {
                        return Ok((in_order(found), false));
                    };
                    break first;
                };
                let head = solid(self.head(address))?.filter(|head| {
                    self.is_live(head, worker) && head.word(fields.task_id) == Some(id)
                });
                match head.and_then(|head| head.word(fields.task_next)) {
                    Some(next) => break next,
                    None => _ = path.pop(),
                }
            };
        }
        let is_whole = self.is_there(worker);
        Ok((in_order(found), is_whole))
    }

    /// Whether the worker is still the one that it was.
    fn is_there(&self, worker: &Worker) -> bool {
        let runtime = self.process.bytes(worker.core.wrapping_add(self.fields.core_runtime), 4);
        runtime.is_ok_and(|bytes| Bytes(bytes).half(0) == Some(worker.runtime))
    }

    /// A task's own memory.
    pub(crate) fn head(&self, address: u64) -> Result<Bytes, Fault> {
        self.process.bytes(address, self.fields.task_bytes as usize).map(Bytes)
    }

    /// Whether this is a task that the worker has started and not ended.
    fn is_live(&self, head: &Bytes, worker: &Worker) -> bool {
        let fields = self.fields;
        head.half(fields.task_word).is_some_and(|word| {
            u64::from(word) & fields.word_phase_mask == fields.word_started
                && u64::from(word) >> (fields.word_owner_shift & 31) == worker.mailbox
        }) && head.word(fields.task_id).is_some_and(|id| id != 0)
    }

    /// Describes a live task, and says which is next. `None`: it has ended meanwhile.
    fn task(
        &self,
        address: u64,
        mut head: Bytes,
        worker: &Worker,
    ) -> Result<Option<(Task, u64)>, Failure> {
        let id = head.word(self.fields.task_id);
        let mut described = None;
        for _ in 0..TRIES {
            described = solid(self.describe(address, &head))?.flatten();
            let Some(now) = solid(self.head(address))? else { return Ok(None) };
            if !self.is_live(&now, worker) || now.word(self.fields.task_id) != id {
                return Ok(None);
            }
            let is_same = self.essence(&now) == self.essence(&head);
            head = now;
            if is_same && described.is_some() {
                break;
            }
            // This task changes faster than it can be read: what was read of its wait may be of no
            // wait at all.
            if let Some(task) = &mut described {
                task.wait = None;
            }
        }
        let next = head.word(self.fields.task_next);
        Ok(described.zip(next))
    }

    /// What must not change while a task is read.
    pub(crate) fn essence(&self, head: &Bytes) -> [Option<u64>; 6] {
        let fields = self.fields;
        [
            head.word(fields.task_id),
            head.byte(fields.task_run).map(u64::from),
            head.byte(fields.task_reason).map(u64::from),
            head.half(fields.task_depth).map(u64::from),
            head.word(fields.task_stack),
            head.word(fields.task_meta),
        ]
    }

    /// What this task is and does. `None`: it is something else by now.
    fn describe(&self, address: u64, head: &Bytes) -> Result<Option<Task>, Fault> {
        let fields = self.fields;
        let run = head.byte(fields.task_run).map(u64::from);
        let state = match run {
            _ if run == Some(fields.run_queued) => State::Runnable,
            _ if run == Some(fields.run_running) => State::Running,
            _ if run == Some(fields.run_parked) => State::Waiting,
            _ => return Ok(None),
        };
        let (Some(id), Some(word), Some(class @ ..64), Some(is_daemon), Some(meta), Some(site)) = (
            head.word(fields.task_id),
            head.half(fields.task_word),
            head.byte(fields.task_class),
            head.byte(fields.task_daemon),
            head.word(fields.task_meta),
            head.word(fields.task_spawned_at),
        ) else {
            return Ok(None);
        };
        let (mut name, mut parent) = (None, 0);
        if meta != 0 {
            name = self.text(meta.wrapping_add(fields.meta_name))?;
            parent = self.process.word(meta.wrapping_add(fields.meta_parent))?;
        }
        let wait = match state {
            State::Waiting => wait::read(self, head)?,
            _ => None,
        };
        Ok(Some(Task {
            address,
            id,
            name,
            site: self.site(site)?,
            scope: self.scope(address, head)?,
            parent,
            is_daemon: is_daemon & 1 != 0,
            is_cancelled: u64::from(word) & fields.word_cancelled != 0,
            state,
            wait,
            stack_bytes: 1 << class,
        }))
    }

    /// The scope or group of the task at this address. `None`: it has none, or that is not known.
    fn scope(&self, address: u64, head: &Bytes) -> Result<Option<String>, Fault> {
        let Some([vtable, scope, kind, shared, site, content]) = self.fields.scope() else {
            return Ok(None);
        };
        let plain = head.word(vtable).ok_or(Fault::Nowhere)?.wrapping_add(scope);
        let number = |at: u64| {
            let bytes = self.process.bytes(plain.wrapping_add(at), 4)?;
            Bytes(bytes).half(0).map(u64::from).ok_or(Fault::Nowhere)
        };
        let what = match number(kind)? {
            0 => "scope",
            1 => "group",
            _ => return Ok(None),
        };
        let shared = self.process.word(address.wrapping_add(number(shared)?))?;
        let at = shared.wrapping_add(content).wrapping_add(number(site)?);
        let site = self.site(self.process.word(at)?)?;
        // The column is of no use here.
        let place = site.rsplit_once(':').map_or(&*site, |(place, _)| place);
        Ok(Some(format!("{what} at {place}")))
    }

    /// The text to which the reference at this address refers. `None`: it is null, or where a
    /// reference has what is not known.
    pub(crate) fn text(&self, at: u64) -> Result<Option<String>, Fault> {
        let (Some(start), Some(bytes)) = (self.fields.text_start, self.fields.text_bytes) else {
            return Ok(None);
        };
        let text = Bytes(self.process.bytes(at, 16)?);
        match (text.word(start), text.word(bytes)) {
            (Some(start @ 1..), Some(count)) => self.characters(start, count).map(Some),
            _ => Ok(None),
        }
    }

    fn characters(&self, start: u64, count: u64) -> Result<String, Fault> {
        let shown = count.min(TEXT_BYTES_MAX);
        let mut text = clean(&self.process.bytes(start, shown as usize)?);
        if shown < count {
            text.push('…');
        }
        Ok(text)
    }

    /// The place in the program that is described at this address.
    pub(crate) fn site(&self, address: u64) -> Result<String, Fault> {
        if let Some(known) = self.sites.borrow().get(&address) {
            return Ok(known.clone());
        }
        let fields = self.fields;
        let offsets = (fields.location_file, fields.location_file_bytes, fields.location_line);
        let (Some(file), Some(bytes), Some(line)) = offsets else {
            return Ok(format!("the place at {address:#x}"));
        };
        let ends = [(file, 8), (bytes, 8), (line, 4), (fields.location_column.unwrap_or(0), 4)];
        let last = ends.map(|(field, bytes)| field.saturating_add(bytes));
        let count = last.into_iter().max().unwrap_or(0).min(TEXT_BYTES_MAX);
        let place = Bytes(self.process.bytes(address, count as usize)?);
        let (Some(file), Some(bytes), Some(line)) =
            (place.word(file), place.word(bytes), place.half(line))
        else {
            return Err(Fault::Nowhere);
        };
        let column = fields.location_column.and_then(|column| place.half(column));
        let column = column.map_or_else(String::new, |column| format!(":{column}"));
        let site = format!("{}:{line}{column}", self.characters(file, bytes)?);
        self.sites.borrow_mut().insert(address, site.clone());
        Ok(site)
    }
}

/// `None` if there was no memory where something was read: it has changed meanwhile.
pub(crate) fn solid<T>(read: Result<T, Fault>) -> Result<Option<T>, Failure> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Fault::Nowhere) => Ok(None),
        Err(Fault::Failed(failure)) => Err(failure),
    }
}

fn in_order(tasks: HashMap<u64, Task>) -> Vec<Task> {
    let mut tasks: Vec<_> = tasks.into_values().collect();
    tasks.sort_by_key(|task| task.id);
    tasks
}
