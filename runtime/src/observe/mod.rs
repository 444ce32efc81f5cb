//! Runtimes seen from outside: what their tasks do, and what they count.

mod backtrace;
mod busy;
pub(crate) mod deadlock;
mod dump;
mod flight;
mod identity;
#[cfg(feature = "inspect")]
pub(crate) mod inspect;
mod metrics;
mod openmetrics;
mod quit;
mod stacks;
mod stall;

pub use self::backtrace::{TaskBacktrace, TaskFrame};
pub use self::deadlock::OnDeadlock;
pub use self::dump::{Dump, DumpedTask, TaskState, dump};
pub use self::flight::{flight_record, set_flight_record_file};
pub use self::metrics::{
    LatencyBucket, Metrics, RuntimeMetrics, TaskCounts, WorkerMetrics, metrics,
};
pub use self::openmetrics::OpenMetrics;
pub(crate) use self::quit::dump_at_sigquit;
pub use self::stacks::{StackAdvice, Stacks, stacks};
pub(crate) use self::stall::watch;
pub use crate::recorder::FlightRecord;
pub use crate::task::{TaskScope, TaskScopeKind};
