//! What a builder asks of a task, and what the task is made of.

use std::io;
use std::panic::Location;

use crate::current;
use crate::scheduler::Shared;
use crate::stack::SizeClass;
use crate::task::{Created, Kind, Meta, Parent};
use crate::trace;

/// What a builder says of a task.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    /// In bytes; the runtime's usual size if it is not said.
    pub(crate) stack_size: Option<usize>,
    pub(crate) daemon: bool,
}

impl Options {
    /// For the first task of a runtime that runs one to its end.
    pub(crate) fn of_main(class: SizeClass) -> Options {
        let (name, stack_size) = (Some("main".to_owned()), Some(class.bytes()));
        Options { name, stack_size, daemon: false }
    }

    /// What a task with these options, this number and this spawn site is made of, in this runtime.
    ///
    /// Inlined, so that the options of most tasks are never made.
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
        if self.name.is_none() && self.stack_size.is_none() && !trace::is_on() {
            return Ok(plain);
        }
        self.resolve_slow(plain)
    }

    #[cold]
    #[inline(never)]
    fn resolve_slow(self, plain: Created) -> io::Result<Created> {
        let class = match self.stack_size {
            None => plain.class,
            Some(bytes) => SizeClass::holding(bytes)?,
        };
        let span = trace::task_span(plain.id, self.name.as_deref(), plain.spawned_at);
        // A plain task has no room for its parent's number without growing beyond 128 bytes.
        let meta = (self.name.is_some() || span.is_some()).then(|| {
            let parent = current::task().map(|(_, task)| Parent::new(task));
            let name = self.name.map(String::into_boxed_str);
            Box::new(Meta::new(name, span, parent))
        });
        Ok(Created { class, meta, ..plain })
    }
}
