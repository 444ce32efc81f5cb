//! A dump as programs read it. The schema is on the page of [`Dump::json`].

use std::fmt::{self, Display, Write};
use std::time::Duration;

use super::{Dump, DumpedTask, DumpedWorker, Run, Silent, TaskState, Wait};
use crate::json::Text;
use crate::observe::backtrace::TaskFrame;
use crate::task::{Parent, TaskScope, Whom};

pub(in crate::observe) struct Json<'a, T>(pub(in crate::observe) &'a T);

/// A value, or null.
pub(in crate::observe) struct Maybe<T>(pub(in crate::observe) Option<T>);

/// Values between commas.
struct List<'a, T>(&'a [T]);

impl Display for Json<'_, Dump> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Dump { workers, tasks, silent, found, no_backtraces: _ } = self.0;
        self.0.name_calls();
        write!(f, r#"{{"version":1,"silent_workers":{silent},"silent":{},"#, List(found))?;
        write!(f, r#""workers":{},"tasks":{}}}"#, List(workers), List(tasks))
    }
}

impl Display for Json<'_, DumpedWorker> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DumpedWorker { runtime, worker, tasks, unstarted } = self.0;
        write!(
            f,
            r#"{{"runtime":{runtime},"worker":{worker},"tasks":{tasks},"unstarted":{unstarted}}}"#
        )
    }
}

impl Display for Json<'_, DumpedTask> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.0;
        let state = match task.state {
            TaskState::Running => "running",
            TaskState::Runnable => "runnable",
            TaskState::Waiting => "waiting",
        };
        let at = task.who.spawned_at;
        write!(f, r#"{{"id":{},"name":{},"#, task.who.id.get(), Maybe(task.name().map(Text)))?;
        write!(f, r#""runtime":{},"worker":{},"#, task.runtime, task.worker)?;
        write!(f, r#""spawned_at":{{"file":{},"line":{},"#, Text(at.file()), at.line())?;
        write!(f, r#""column":{}}},"parent":{},"#, at.column(), maybe(task.who.parent.as_ref()))?;
        write!(f, r#""scope":{},"daemon":{},"#, maybe(task.who.scope.as_ref()), task.who.daemon)?;
        write!(f, r#""cancelled":{},"#, task.who.cancelled)?;
        write!(f, r#""state":"{state}","wait":{},"#, maybe(task.wait.as_ref()))?;
        write!(f, r#""run":{},"#, maybe(task.run.as_ref()))?;
        let (bytes, touched) = (task.who.stack_size, Maybe(task.stack_touched));
        write!(f, r#""stack":{{"bytes":{bytes},"touched":{touched}}},"backtrace":"#)?;
        write!(f, "{}}}", Maybe(task.backtrace().map(|backtrace| List(backtrace.frames()))))
    }
}

impl Display for Json<'_, Parent> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Maybe(self.0.name().map(Text));
        write!(f, r#"{{"id":{},"name":{name}}}"#, self.0.id().get())
    }
}

impl Display for Json<'_, TaskScope> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, at, id) = (self.0.kind().word(), self.0.created_at(), self.0.id());
        write!(f, r#"{{"kind":"{kind}","file":{},"line":{},"#, Text(at.file()), at.line())?;
        write!(f, r#""column":{},"id":{id}}}"#, at.column())
    }
}

impl Display for Json<'_, Wait> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wait { words, since: _, age, left, from_outside } = self.0;
        let whom = maybe(words.whom_depended_on());
        let words = words.to_string();
        let left = Maybe(left.as_ref().map(Duration::as_millis));
        write!(f, r#"{{"for":{},"ms":{},"left_ms":{left},"#, Text(&words), age.as_millis())?;
        write!(f, r#""outside":{from_outside},"depends_on":{whom}}}"#)
    }
}

impl Display for Json<'_, Run> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { age, does } = self.0;
        write!(f, r#"{{"ms":{},"does":{}}}"#, age.as_millis(), Text(does))
    }
}

impl Display for Json<'_, Silent> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Silent { runtime, worker, does } = self.0;
        write!(f, r#"{{"runtime":{runtime},"worker":{worker},"does":{}}}"#, Text(does))
    }
}

impl Display for Json<'_, Whom> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Whom::Task { id, .. } => write!(f, r#"{{"task":{id}}}"#),
            Whom::Thread(mark) => write!(f, r#"{{"thread":{mark}}}"#),
        }
    }
}

impl Display for Json<'_, TaskFrame> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frame = self.0;
        let file = frame.file().map(|file| file.to_string_lossy());
        let function = Maybe(frame.function().map(Text));
        let (file, line) = (Maybe(file.as_deref().map(Text)), Maybe(frame.line()));
        write!(f, r#"{{"function":{function},"file":{file},"line":{line},"#)?;
        write!(f, r#""address":"{:#x}","module":"#, frame.address())?;
        match frame.module() {
            Some((name, address)) => {
                write!(f, r#"{{"name":{},"address":"{address:#x}"}}"#, Text(name))?;
            }
            None => f.write_str("null")?,
        }
        write!(f, r#","stack":{}}}"#, frame.stack())
    }
}

pub(in crate::observe) fn maybe<T>(value: Option<&T>) -> Maybe<Json<'_, T>> {
    Maybe(value.map(Json))
}

impl<T: Display> Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("null"),
        }
    }
}

impl<'a, T> Display for List<'a, T>
where
    Json<'a, T>: Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        for (place, value) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{}", Json(value))?;
        }
        f.write_char(']')
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_null() {
        assert_eq!(Maybe::<u8>(None).to_string(), "null");
        assert_eq!(Maybe(Some(1)).to_string(), "1");
    }
}
