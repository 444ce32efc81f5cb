//! What std's documentation says of its types holds for gocoro's.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;

use gocoro::go;
use gocoro::io;
use gocoro::process::unix::{CommandExt, ExitStatusExt, parent_id};
use gocoro::process::{
    Child, ChildStderr, ChildStdin, ChildStdout, Command, CommandArgs, CommandEnvs, ExitCode,
    ExitStatus, Output, Stdio, Termination,
};

use super::sh;
use crate::support::{in_both_colours, scenario, this_program};

#[test]
fn the_types_have_std_s_traits() {
    fn all<T: Send + Sync + Unpin + Debug + 'static>() {}
    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    fn stream<T: AsFd + AsRawFd + IntoRawFd + From<OwnedFd> + Into<OwnedFd> + Into<Stdio>>() {}
    fn stdio<T: Into<Stdio>>() {}
    all::<Command>();
    all::<Child>();
    unwind_safe::<Child>();
    macro_rules! streams {
        ($($ty:ty)*) => { $( all::<$ty>(); unwind_safe::<$ty>(); stream::<$ty>(); )* };
    }
    streams! { ChildStdin ChildStdout ChildStderr }
    fn writes<T: Write>() {}
    fn reads<T: Read>() {}
    writes::<ChildStdin>();
    writes::<&ChildStdin>();
    reads::<ChildStdout>();
    reads::<ChildStderr>();
    stdio::<io::PipeReader>();
    stdio::<io::PipeWriter>();
    stdio::<io::Stdout>();
    stdio::<io::Stderr>();
    stdio::<File>();
    // Between std's types and these.
    fn both<T: From<S>, S: From<T>>() {}
    both::<Child, std::process::Child>();
    both::<ChildStdin, std::process::ChildStdin>();
    both::<ChildStdout, std::process::ChildStdout>();
    both::<ChildStderr, std::process::ChildStderr>();
    fn made_of<T: From<std::process::Command>>() {}
    made_of::<Command>();
}

#[test]
fn what_a_command_was_given_is_told() {
    let mut command = Command::new("program");
    command.arg("a").args(["b", "c"]).env("K", "V").envs([("L", "W")]).env_remove("M");
    command.current_dir("/tmp");
    assert_eq!(command.get_program(), "program");
    let args: CommandArgs<'_> = command.get_args();
    assert_eq!(args.len(), 3);
    assert_eq!(args.collect::<Vec<_>>(), ["a", "b", "c"]);
    let envs: CommandEnvs<'_> = command.get_envs();
    let pair = |k: &'static str, v: Option<&'static str>| (OsStr::new(k), v.map(OsStr::new));
    let expected = [pair("K", Some("V")), pair("L", Some("W")), pair("M", None)];
    assert_eq!(envs.collect::<Vec<_>>(), expected);
    assert_eq!(command.get_current_dir(), Some(Path::new("/tmp")));

    let mut std = std::process::Command::new("program");
    std.arg("a").args(["b", "c"]).env("K", "V").envs([("L", "W")]).env_remove("M");
    std.current_dir("/tmp");
    assert_eq!(format!("{command:?}"), format!("{std:?}"));
}

#[test]
fn a_child_gets_what_its_command_says() {
    in_both_colours(|| {
        let mut command = sh("echo $0 $A ${B:-none}; pwd; cat; echo err >&2; exit 9");
        command.arg("name").env_clear().env("PATH", "/usr/bin:/bin").env("A", "1");
        let mut input = tempfile();
        input.write_all(b"input").unwrap();
        input.rewind().unwrap();
        let output: Output = command.current_dir("/").stdin(input).output().unwrap();
        assert_eq!(output.stdout, b"name 1 none\n/\ninput");
        assert_eq!(output.stderr, b"err\n");
        assert_eq!(output.status.code(), Some(9));
        // The file was read to its end, which the command still holds.
        assert_eq!(command.output().unwrap().stdout, b"name 1 none\n/\n");
    });
}

/// A file without a name.
fn tempfile() -> File {
    // SAFETY: the call is given a name that ends in a null byte.
    let fd = unsafe { libc::memfd_create(c"input".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0);
    // SAFETY: the descriptor is new.
    unsafe { File::from_raw_fd(fd) }
}

/// `output` captures what was not set; a later `spawn` inherits that none the less.
#[test]
fn the_defaults_of_output_do_not_stay() {
    in_both_colours(|| {
        let mut command = sh("cat; echo out; echo err >&2");
        command.stderr(Stdio::null());
        // No input.
        let output = command.output().unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b""[..]));
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        assert!(child.stdout.is_none() && child.stdin.is_none() && child.stderr.is_none());
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn what_unix_adds() {
    in_both_colours(|| {
        let mut command = sh("echo $0 $PPID; ps -o pgid= -p $$ || true; kill -9 $$");
        command.arg0("name").process_group(0);
        // SAFETY: a store to a fresh process's own limit.
        unsafe {
            command.pre_exec(|| {
                libc::umask(0o77);
                Ok(())
            });
        }
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(9));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with(&format!("name {}\n", std::process::id())), "{text}");
        assert!(id > 0 && parent_id() > 0);

        // SAFETY: the closure only makes an error of a number.
        unsafe { command.pre_exec(|| Err(io::Error::from_raw_os_error(libc::EDOM))) };
        assert_eq!(command.spawn().unwrap_err().raw_os_error(), Some(libc::EDOM));
    });
}

/// Code that was written for std's command finds the trait's methods on both.
#[test]
fn the_trait_is_on_both_commands() {
    fn named<C: CommandExt>(command: &mut C) -> &mut C {
        command.arg0("name")
    }
    let mut std = std::process::Command::new("sh");
    let output = named(std.args(["-c", "echo $0"])).output().unwrap();
    assert_eq!(output.stdout, b"name\n");
    assert_eq!(named(&mut sh("echo $0")).output().unwrap().stdout, b"name\n");
    // One of std's, taken over.
    assert_eq!(Command::from(std).output().unwrap().stdout, b"name\n");
}

const EXEC: &str = "child::exec";

#[test]
fn a_process_is_replaced() {
    let test = ["child::shape::becomes_another_program", "--exact"];
    let output = this_program(&test, EXEC).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.ends_with("now name\n"), "{text}");
}

/// `exec` returns only where there is no such program, and then has taken the signals' settings
/// back already.
#[test]
fn becomes_another_program() {
    if scenario().as_deref() != Some(EXEC) {
        return;
    }
    let task = go!({
        assert_eq!(Command::new("/no such").exec().kind(), io::ErrorKind::NotFound);
        sh("echo now $0").arg0("name").exec()
    });
    panic!("it does not start: {}", task.wait());
}

#[test]
fn the_rest_is_std_s() {
    let status: ExitStatus = ExitStatus::from_raw(3 << 8);
    assert_eq!(status.code(), Some(3));
    let code: ExitCode = Termination::report(());
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
    assert_eq!(gocoro::process::id(), std::process::id());
    let _: (fn(i32) -> !, fn() -> !) = (gocoro::process::exit, gocoro::process::abort);
}

#[test]
fn a_child_goes_to_std_s_type_and_back() {
    in_both_colours(|| {
        let child = sh("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let mut std: std::process::Child = child.into();
        assert_eq!(std.id(), id);
        std.stdin.as_mut().unwrap().write_all(b"text").unwrap();
        let mut child = Child::from(std);
        assert_eq!(child.id(), id);
        drop(child.stdin.take());
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        let status = child.wait().unwrap();
        assert!(status.success());

        // One that std has waited for keeps its status, and its number is not used.
        let mut std = std::process::Command::new("false").spawn().unwrap();
        let status = std.wait().unwrap();
        let mut child = Child::from(std);
        assert_eq!((child.try_wait().unwrap(), child.wait().unwrap()), (Some(status), status));
        child.kill().unwrap();
    });
}
