//! How large stacks should be: [`stacks`].

use std::fmt;
use std::panic::Location;

use super::dump::dump_within;
use crate::json::Text;
use crate::limits::{ADVISED_TASKS_MIN, DUMP_PATIENCE};
use crate::stack::{Site, add_site, noted_sites};

/// How much of their stacks the tasks of the process need, by the place where they were spawned.
/// Made by [`stacks`].
///
/// The `Display` of this is the text for people, a line for each place. The words of that text may
/// change in any version. [`Stacks::json`] is for programs.
#[derive(Clone, Debug)]
pub struct Stacks {
    sites: Vec<StackAdvice>,
}

/// How much of their stacks the tasks need that were spawned at one place.
#[derive(Clone, Copy, Debug)]
pub struct StackAdvice {
    site: Site,
}

/// Says for each place in the source where tasks were spawned how much of their stacks these tasks
/// have needed, and which size would do.
///
/// Only some tasks are looked at, for it costs a microsecond each: those that got a stack which
/// nobody had used before, or whose pages had been given back just before, and of those that end
/// some hundred a second. Tasks that still run are looked at now. Each figure is that of the task
/// alone, whoever had the stack before.
///
/// A figure counts whole pages, two at least where the stack was used before, and what the system
/// has swapped out is missing. It says what tasks have needed so far: a rare path through the
/// program, an error or a panic may need more. So the size that is suggested has twice as much, and
/// nothing is suggested of a place from which fewer than 16 tasks were looked at.
///
/// # Parks
///
/// As [`dump`](crate::observe::dump()) does.
///
/// # Examples
///
/// ```
/// use gocoro::runtime::stacks;
///
/// let waits = gocoro::go!({ gocoro::task::park() });
/// print!("{}", stacks());
/// for site in stacks().sites() {
///     assert!(site.peak() <= site.stack_size());
/// }
/// waits.task().unpark();
/// waits.wait();
/// ```
pub fn stacks() -> Stacks {
    let mut sites = noted_sites();
    for task in dump_within(DUMP_PATIENCE, false).tasks() {
        if let Some(site) = task.stack_site() {
            add_site(&mut sites, site);
        }
    }
    Stacks { sites: sites.into_values().map(|site| StackAdvice { site }).collect() }
}

impl Stacks {
    /// The places, by file, line and column.
    pub fn sites(&self) -> &[StackAdvice] {
        &self.sites
    }

    /// The places as one JSON object.
    ///
    /// The `Display` of what is returned writes one line. This is version 1 of the schema:
    ///
    /// | field | what |
    /// |---|---|
    /// | `version` | 1. Fields may be added without a new version |
    /// | `sites` | a list, with the fields below |
    ///
    /// | field of a place | what |
    /// |---|---|
    /// | `spawned_at` | `file`, `line`, `column` |
    /// | `tasks` | how many tasks were looked at |
    /// | `bytes`, `peak` | the size of the stacks, and the most that a task needed |
    /// | `suggestion` | the size that is suggested, or null |
    ///
    /// Numbers are whole and not negative.
    ///
    /// # Examples
    ///
    /// ```
    /// let json = gocoro::runtime::stacks().json().to_string();
    /// assert!(json.starts_with(r#"{"version":1,"sites":["#));
    /// ```
    pub fn json(&self) -> impl fmt::Display {
        Json(self)
    }
}

impl StackAdvice {
    /// Where in the source the tasks were spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.site.at
    }

    /// The size of the tasks' stacks in bytes, the largest if they differ.
    pub fn stack_size(&self) -> usize {
        self.site.size
    }

    /// The most bytes that a task needed of its stack, in whole pages.
    pub fn peak(&self) -> usize {
        self.site.peak
    }

    /// How many tasks were looked at.
    pub fn tasks(&self) -> u64 {
        self.site.tasks
    }

    /// The size of stack that has twice as much as the tasks have needed, for
    /// [`Builder::stack_size`](crate::spawn::Builder::stack_size) or `go!(stack = …)`. `None`: it
    /// is the size that they have, or too few tasks were looked at.
    pub fn suggestion(&self) -> Option<usize> {
        let ample = self.site.ample().filter(|&bytes| bytes != self.site.size);
        ample.filter(|_| self.site.tasks >= ADVISED_TASKS_MIN)
    }
}

struct Json<'a, T>(&'a T);

impl fmt::Display for Json<'_, Stacks> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"{"version":1,"sites":["#)?;
        for (place, site) in self.0.sites.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{}", Json(site))?;
        }
        f.write_str("]}")
    }
}

impl fmt::Display for Json<'_, StackAdvice> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Site { at, size, peak, tasks } = self.0.site;
        write!(f, r#"{{"spawned_at":{{"file":{},"line":{},"#, Text(at.file()), at.line())?;
        write!(f, r#""column":{}}},"tasks":{tasks},"bytes":{size},"#, at.column())?;
        match self.0.suggestion() {
            Some(bytes) => write!(f, r#""peak":{peak},"suggestion":{bytes}}}"#),
            None => write!(f, r#""peak":{peak},"suggestion":null}}"#),
        }
    }
}

impl fmt::Display for Stacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sites.iter().try_for_each(|site| writeln!(f, "{site}"))
    }
}

impl fmt::Display for StackAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Site { at, size, peak, tasks } = self.site;
        let plural = if tasks == 1 { "" } else { "s" };
        let (peak, kib) = (peak / 1024, size / 1024);
        write!(f, "spawned at {at}: peaks at {peak} of {kib} KiB in {tasks} task{plural}")?;
        match self.suggestion() {
            Some(bytes) if bytes < size => write!(f, "; {} KiB would do", bytes / 1024),
            Some(bytes) => write!(f, "; {} KiB would be ample", bytes / 1024),
            None => Ok(()),
        }
    }
}
