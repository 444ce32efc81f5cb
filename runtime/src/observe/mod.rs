//! Looking at all runtimes of the process from outside: what they count.

mod metrics;
mod openmetrics;

pub use self::metrics::{
    LatencyBucket, Metrics, RuntimeMetrics, TaskCounts, WorkerMetrics, metrics,
};
pub use self::openmetrics::OpenMetrics;
