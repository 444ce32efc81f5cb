//! What is asked of a task, and what it becomes.

use std::io;
use std::panic::Location;

use crate::current;
use crate::scheduler::Shared;
use crate::stack::SizeClass;
use crate::task::{Kind, Meta, Parent};
use crate::trace;

/// What a builder says of a task.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(super) name: Option<String>,
    pub(super) stack_size: Option<usize>,
    pub(super) daemon: bool,
}

/// What a task is, but for its closure, its number and its place.
pub(super) struct Traits {
    pub(super) class: SizeClass,
    pub(super) kind: Kind,
    pub(super) meta: Option<Box<Meta>>,
}

impl Options {
    /// Inlined, so that the options of most tasks are never made.
    #[inline(always)]
    pub(super) fn resolve(
        self,
        local: bool,
        shared: &Shared,
        id: u64,
        at: &'static Location<'static>,
    ) -> io::Result<Traits> {
        let plain = self.name.is_none() && self.stack_size.is_none() && !trace::is_on();
        if !plain {
            return self.resolve_slow(local, shared, id, at);
        }
        let kind = Kind { local, daemon: self.daemon };
        Ok(Traits { class: shared.class, kind, meta: None })
    }

    #[cold]
    #[inline(never)]
    fn resolve_slow(
        self,
        local: bool,
        shared: &Shared,
        id: u64,
        at: &'static Location<'static>,
    ) -> io::Result<Traits> {
        let class = match self.stack_size {
            None => shared.class,
            Some(bytes) => SizeClass::holding(bytes)?,
        };
        let span = trace::task_span(id, self.name.as_deref(), at);
        // A plain task has no room for its parent's number without growing beyond 128 bytes.
        let meta = (self.name.is_some() || span.is_some()).then(|| {
            let parent = current::task().map(|(_, task)| Parent::new(task));
            let name = self.name.map(String::into_boxed_str);
            Box::new(Meta::new(name, span, parent))
        });
        Ok(Traits { class, kind: Kind { local, daemon: self.daemon }, meta })
    }
}
