//! The options of a task, and what a task is made of.

use std::io;
use std::panic::Location;

use crate::current;
use crate::scheduler::Shared;
use crate::stack::SizeClass;
use crate::task::{Created, Kind, Meta, Parent};
use crate::trace;

/// The options of a task that is to be spawned.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    /// The stack size in bytes. `None`: the runtime's.
    pub(crate) stack_size: Option<usize>,
    /// What the runtime's stack size is raised to, in bytes, if it is smaller.
    pub(crate) stack_at_least: Option<usize>,
    pub(crate) daemon: bool,
}

impl Options {
    /// The options of the task that a runtime is run for.
    pub(crate) fn of_main(class: SizeClass) -> Options {
        let (name, stack_size) = (Some("main".to_owned()), Some(class.bytes()));
        Options { name, stack_size, ..Options::default() }
    }

    /// What a task with these options is made of, in this runtime.
    ///
    /// Inlined, so that for most tasks no options are ever made.
    #[inline(always)]
    pub(super) fn resolve(
        self,
        local: bool,
        shared: &Shared,
        id: u64,
        spawned_at: &'static Location<'static>,
    ) -> io::Result<Created> {
        let kind = Kind { local, daemon: self.daemon };
        let plain = Created { id, kind, class: shared.class, spawned_at, meta: None };
        let Options { name, stack_size, stack_at_least, .. } = &self;
        let is_plain = name.is_none() && stack_size.is_none() && stack_at_least.is_none();
        if is_plain && !trace::is_on() {
            return Ok(plain);
        }
        self.resolve_slow(plain)
    }

    #[cold]
    #[inline(never)]
    fn resolve_slow(self, plain: Created) -> io::Result<Created> {
        let class = match (self.stack_size, self.stack_at_least) {
            (Some(bytes), _) => SizeClass::holding(bytes)?,
            (None, Some(bytes)) => plain.class.max(SizeClass::holding(bytes)?),
            (None, None) => plain.class,
        };
        let (id, name) = (plain.id, self.name.as_deref());
        if trace::is_on() {
            current::off_task(|| trace::spawned(id, name, plain.spawned_at));
        }
        let span = trace::task_span(id, name, plain.spawned_at);
        // A task without name and span does not store its parent: with it, its header would take
        // more than 128 bytes.
        let meta = (self.name.is_some() || span.is_some()).then(|| {
            let parent = current::task().map(|(_, task)| Parent::new(task));
            let name = self.name.map(String::into_boxed_str);
            Box::new(Meta::new(name, span, parent))
        });
        Ok(Created { class, meta, ..plain })
    }
}
