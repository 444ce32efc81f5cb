//! When a record is written, and where to: each is this test program once more, running `child`
//! alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Output};

use gocoro::runtime::{Builder, flight_record, set_flight_record_file};
use gocoro::task::JoinHandle;
use gocoro::time::sleep;
use gocoro::{go, go_main};

use super::trace::Trace;
use crate::support::{SOON, exit_as, scenario, this_program, until};

const PREFIX: &str = "record-";

#[test]
fn child() {
    let Some(name) = scenario() else { return };
    let code = match name.strip_prefix(PREFIX) {
        Some("panics") => panics::main(),
        Some("by_option") => by_option::main(),
        Some("asked") => asked::main(),
        Some("by_hand") => by_hand(),
        Some("off") => off(),
        other => panic!("no scenario {other:?}"),
    };
    exit_as(code);
}

/// A folder that is there as long as this is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("gocoro-it-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("record.json")
    }

    /// The names of what is in it.
    fn has(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(name: &str, variables: &[(&str, &str)]) -> Output {
    let mut program =
        this_program(&["observe::recorder::files::child", "--exact"], &format!("{PREFIX}{name}"));
    program.envs(variables.iter().copied()).output().unwrap()
}

fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

fn read(path: &Path) -> Trace {
    Trace::read(&fs::read_to_string(path).unwrap())
}

mod panics {
    use super::*;

    /// Two tasks panic, the second after the record of the first was read.
    #[go_main(workers = 2)]
    pub(super) fn main() {
        let first = go!(name = "first" => {
            sleep(SOON);
            std::panic::panic_any("expected")
        });
        let _: &JoinHandle<()> = &first;
        assert!(first.join().is_err());
        if let Some(path) = std::env::var_os("GOCORO_RECORD")
            && Path::new(&path).parent().is_some_and(Path::exists)
            && !path.to_string_lossy().contains('%')
        {
            assert_eq!(read(Path::new(&path)).runs("first").last().unwrap().then(), "runs still");
        }
        let second = go!(name = "second" => std::panic::panic_any("expected"));
        let _: &JoinHandle<()> = &second;
        assert!(second.join().is_err());
    }
}

#[test]
fn the_first_panic_is_written_before_anybody_hears_of_it() {
    let folder = Folder::new("panic");
    let path = folder.file();
    let said = said(&run("panics", &[("GOCORO_RECORD", path.to_str().unwrap())]));
    assert!(said.contains(&format!(" events is in {}\n", path.display())), "{said}");
    assert_eq!(said.matches("gocoro: the flight record").count(), 1, "{said}");
    let trace = read(&path);
    let events = trace.beside("first");
    assert!(events.iter().any(|event| event.name == "panics: first"), "{events:#?}");
    assert!(trace.runs("second").is_empty(), "the first panic alone is written");
    assert_eq!(folder.has(), ["record.json"]);
}

#[test]
fn the_number_of_the_process_may_be_in_the_name() {
    let folder = Folder::new("process");
    let path = folder.0.join("%p.json");
    let variables = [("GOCORO_RECORD", path.to_str().unwrap()), ("GOCORO_RECORD_EVENTS", "64")];
    drop(said(&run("panics", &variables)));
    let [name] = &folder.has()[..] else { panic!("{:?}", folder.has()) };
    assert!(name.strip_suffix(".json").unwrap().parse::<u32>().is_ok(), "{name}");
    assert!(read(&folder.0.join(name)).beside("first").len() < 2 * 64);
}

#[test]
fn a_file_that_cannot_be_written_is_complained_about() {
    let folder = Folder::new("missing");
    let path = folder.0.join("no/such/folder.json");
    let said = said(&run("panics", &[("GOCORO_RECORD", path.to_str().unwrap())]));
    assert!(said.contains("gocoro: the flight record cannot be written to"), "{said}");
    // What is there and is no file stays as it is.
    let is_folder = folder.file();
    fs::create_dir(&is_folder).unwrap();
    let output = run("by_option", &[("GOCORO_RECORD", is_folder.to_str().unwrap())]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be written"));
    assert_eq!(folder.has(), ["record.json"]);
}

mod by_option {
    use super::*;

    const PATH: &str = "/tmp/gocoro-it-record-by-option.json";

    #[go_main(workers = 1, record = "/tmp/gocoro-it-record-by-option.json")]
    pub(super) fn main() {
        let task = go!(name = "fails" => std::panic::panic_any("expected"));
        let _: &JoinHandle<()> = &task;
        assert!(task.join().is_err());
        if std::env::var_os("GOCORO_RECORD").is_none() {
            assert_eq!(read(Path::new(PATH)).runs("fails").len(), 1);
            fs::remove_file(PATH).unwrap();
        }
    }
}

#[test]
fn a_program_may_ask_for_it_and_the_environment_wins() {
    let said_alone = said(&run("by_option", &[]));
    assert!(said_alone.contains("events is in /tmp/gocoro-it-record-by-option.json"));
    let folder = Folder::new("option");
    let path = folder.file();
    drop(said(&run("by_option", &[("GOCORO_RECORD", path.to_str().unwrap())])));
    assert_eq!(read(&path).runs("fails").len(), 1);
    let off = said(&run("by_option", &[("GOCORO_RECORD_EVENTS", "1"), ("GOCORO_RECORD", "")]));
    assert!(off.contains("the flight record of"), "an empty name is none: {off}");
}

mod asked {
    use super::*;

    /// Asks itself what it does, as `kill -QUIT` would.
    #[go_main(workers = 2)]
    pub(super) fn main() {
        let path = PathBuf::from(std::env::var_os("GOCORO_RECORD").unwrap());
        let waits = go!(name = "waits" => gocoro::task::park());
        until(|| Trace::now().runs("waits").last().is_some_and(|run| run.then() == "park"));
        for _ in 0..2 {
            // SAFETY: `raise` touches no memory; the signal's handler is gocoro's.
            assert_eq!(unsafe { libc::raise(libc::SIGQUIT) }, 0);
            // Turns without a pause would fill the record while names are looked up for the dump.
            while !path.exists() {
                sleep(10 * SOON);
            }
            assert_eq!(read(&path).runs("waits").last().unwrap().then(), "park");
            fs::remove_file(&path).unwrap();
        }
        waits.task().unpark();
        waits.wait();
    }
}

#[test]
fn whoever_asks_what_tasks_do_gets_the_record_too() {
    let folder = Folder::new("quit");
    let said = said(&run("asked", &[("GOCORO_RECORD", folder.file().to_str().unwrap())]));
    assert_eq!(said.matches("gocoro: end of the dump\n").count(), 2, "{said}");
    assert_eq!(said.matches("gocoro: the flight record of").count(), 2, "{said}");
    assert_eq!(folder.has(), [""; 0]);
}

#[test]
fn a_deadlock_is_written() {
    let folder = Folder::new("deadlock");
    let path = folder.file();
    let mut program = this_program(&["observe::deadlock::child", "--exact"], "channels");
    let output = program.env("GOCORO_RECORD", &path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let (recorded, reported) = (said.find("the flight record of"), said.find("gocoro: deadlock:"));
    assert!(reported.is_some() && reported < recorded, "{said}");
    let trace = read(&path);
    let waits = trace.events.iter().filter(|event| event.then() == "recv").count();
    assert!(waits > 0, "{:#?}", trace.events);
}

fn by_hand() -> ExitCode {
    let path = PathBuf::from(std::env::var_os("RECORD_BY_HAND").unwrap());
    let runtime = Builder::new().workers(1).flight_recorder(100).build().unwrap();
    let fails = || {
        let task = runtime.run(|| go!(name = "fails" => std::panic::panic_any("expected")));
        let _: &JoinHandle<()> = &task;
        assert!(task.join().is_err());
    };
    fails();
    assert!(!path.exists(), "nobody has said where to");
    set_flight_record_file(Some(path.clone()));
    fails();
    assert!(!read(&path).runs("fails").is_empty());
    ExitCode::SUCCESS
}

#[test]
fn a_runtime_made_by_hand_writes_where_it_is_told_to() {
    let folder = Folder::new("hand");
    let said = said(&run("by_hand", &[("RECORD_BY_HAND", folder.file().to_str().unwrap())]));
    assert_eq!(said.matches("the flight record").count(), 1, "{said}");
    assert_eq!(folder.has(), ["record.json"]);
}

fn off() -> ExitCode {
    let runtime = Builder::new().workers(2).build().unwrap();
    runtime.run(|| go!({}).wait());
    let local = Builder::new().flight_recorder(0).build_local().unwrap();
    assert!(flight_record().is_empty());
    drop((runtime, local));
    let mut recording = Builder::new().flight_recorder(8).build_local().unwrap();
    recording.run(|| ());
    assert!(!flight_record().is_empty());
    drop(recording);
    assert!(flight_record().is_empty(), "a record goes with its runtime");
    ExitCode::SUCCESS
}

#[test]
fn nothing_is_recorded_unless_somebody_asks() {
    drop(said(&run("off", &[])));
}
