//! Which of several programs in one binary is meant.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Makes the `main` of the module that it stands in one for [`pick`].
macro_rules! entry {
    () => {
        pub(super) fn entry() -> ::std::process::ExitCode {
            ::std::process::Termination::report(main())
        }
    };
}
pub(crate) use entry;

/// A name, and what [`entry`] has made.
type Program = (&'static str, fn() -> ExitCode);

/// Runs the program whose name this process was started under.
///
/// Under any other name the first argument names it. The process then starts itself again under
/// that name, so that a program finds the arguments that it would have by itself.
pub(crate) fn pick(programs: &[Program]) -> ExitCode {
    let find = |name: &str| programs.iter().find(|(known, _)| *known == name);
    let mut args = env::args_os();
    let own_name = args.next().unwrap_or_default();
    let own_name = Path::new(&own_name).file_name().unwrap_or_default();
    if let Some((_, run)) = own_name.to_str().and_then(find) {
        return run();
    }
    let name = args.next().unwrap_or_default();
    if name.to_str().and_then(find).is_none() {
        let names: Vec<_> = programs.iter().map(|(name, _)| *name).collect();
        eprintln!("the first argument is one of: {}", names.join(" "));
        return ExitCode::from(2);
    }
    let failure = match env::current_exe() {
        Ok(own) => Command::new(own).arg0(name).args(args).exec(),
        Err(e) => e,
    };
    eprintln!("starting again: {failure}");
    ExitCode::from(2)
}
