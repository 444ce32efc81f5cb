//! Child processes, shaped as `std::process` and `std::os::unix::process`.

#[allow(unsafe_code)]
mod sys;

mod orphans;

mod handle;

mod pipes;

mod output;

mod child;

#[allow(unsafe_code)]
mod arm;

mod streams;

mod command;

#[allow(unsafe_code)]
mod ext;

pub use self::arm::ExitArm;
pub use self::child::Child;
pub use self::command::Command;
pub use self::ext::CommandExt;
pub use self::pipes::{ChildStderr, ChildStdin, ChildStdout};
