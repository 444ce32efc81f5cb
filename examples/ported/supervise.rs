// supervise: runs the commands of a file together, and again those that fail.
//
//     supervise [-r RESTARTS] [-t SECONDS] FILE
//
// -r  how often a command that failed is run again, 3 times by default
// -t  how long a run may take before it is killed; without an end by default
//
// Each line of the file is `NAME: COMMAND`, for the shell. What a command says is printed line by
// line with its name before it. Between a failure and the next run is a pause, which doubles.
// Standard input takes `stop NAME`, `stop` and `status`. The program ends with the last command,
// and has failed if one was given up.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The pause before the first restart.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(10);

struct Limits {
    restarts: u32,
    run: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Running,
    Pausing,
    Done,
    Stopped,
    GivenUp,
}

struct Service {
    name: String,
    command: String,
    phase: Mutex<Phase>,
    changed: Condvar,
}

/// Why a run has ended.
enum End {
    Exited(ExitStatus),
    TimedOut,
    Stopped,
}

impl Service {
    fn parse(line: &str) -> Result<Self, String> {
        let (name, command) = line.split_once(':').ok_or(format!("no name in '{line}'"))?;
        Ok(Self {
            name: name.trim().to_owned(),
            command: command.trim().to_owned(),
            phase: Mutex::new(Phase::Pausing),
            changed: Condvar::new(),
        })
    }

    fn say(&self, what: impl AsRef<str>) {
        println!("{}: {}", self.name, what.as_ref());
    }

    fn forward(&self, mark: char, output: impl Read) {
        for line in BufReader::new(output).split(b'\n') {
            match line {
                Ok(line) => println!("{} {mark} {}", self.name, String::from_utf8_lossy(&line)),
                Err(e) => return self.say(format!("its output is lost: {e}")),
            }
        }
    }

    fn stop(&self) {
        let mut phase = self.phase.lock().unwrap();
        if matches!(*phase, Phase::Running | Phase::Pausing) {
            *phase = Phase::Stopped;
            self.changed.notify_all();
        }
    }

    /// Waits until the child ends, and kills it if it is to end.
    fn watch(&self, child: &mut Child, limit: Option<Duration>) -> io::Result<End> {
        let started = Instant::now();
        let mut phase = self.phase.lock().unwrap();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(End::Exited(status));
            }
            let late = limit.is_some_and(|limit| started.elapsed() >= limit);
            if late || *phase == Phase::Stopped {
                child.kill()?;
                child.wait()?;
                return Ok(if late { End::TimedOut } else { End::Stopped });
            }
            phase = self.changed.wait_timeout(phase, LOOK).unwrap().0;
        }
    }

    fn run(&self, limit: Option<Duration>) -> io::Result<End> {
        let mut child = Command::new("sh")
            .args(["-c", &self.command])
            .env("SERVICE", &self.name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        thread::scope(|s| {
            s.spawn(|| self.forward('|', stdout));
            s.spawn(|| self.forward('!', stderr));
            self.watch(&mut child, limit)
        })
    }

    /// Enters a phase, unless the service was stopped.
    fn enter(&self, next: Phase) -> bool {
        let mut phase = self.phase.lock().unwrap();
        if *phase == Phase::Stopped {
            return false;
        }
        *phase = next;
        true
    }

    fn supervise(&self, limits: &Limits) {
        let mut pause = PAUSE;
        for restarts in 0.. {
            if !self.enter(Phase::Running) {
                return self.say("stopped");
            }
            let failure = match self.run(limits.run) {
                Ok(End::Exited(status)) if status.success() => {
                    self.enter(Phase::Done);
                    return self.say("done");
                }
                Ok(End::Stopped) => return self.say("stopped"),
                Ok(End::Exited(status)) => status.to_string(),
                Ok(End::TimedOut) => "it took too long".into(),
                Err(e) => e.to_string(),
            };
            if restarts == limits.restarts {
                self.enter(Phase::GivenUp);
                return self.say(format!("given up: {failure}"));
            }
            self.say(format!("{failure}, restart {} of {}", restarts + 1, limits.restarts));

            let phase = self.phase.lock().unwrap();
            let stopped = |phase: &mut Phase| *phase != Phase::Stopped;
            let _ = self.changed.wait_timeout_while(phase, pause, stopped).unwrap();
            pause = PAUSE_MAX.min(pause * 2);
        }
    }
}

fn obey(services: &BTreeMap<String, Arc<Service>>, input: impl BufRead) -> io::Result<()> {
    for line in input.lines() {
        match line?.split_whitespace().collect::<Vec<_>>()[..] {
            [] => {}
            ["stop"] => services.values().for_each(|service| service.stop()),
            ["stop", name] => match services.get(name) {
                Some(service) => service.stop(),
                None => eprintln!("supervise: no service '{name}'"),
            },
            ["status"] => {
                for service in services.values() {
                    service.say(format!("{:?}", service.phase.lock().unwrap()));
                }
            }
            [verb, ..] => eprintln!("supervise: '{verb}' is no command"),
        }
    }
    Ok(())
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (mut limits, mut file) = (Limits { restarts: 3, run: None }, None);
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-r" => limits.restarts = args.next().ok_or("-r needs a number")?.parse()?,
            "-t" => {
                let seconds = args.next().ok_or("-t needs a time")?.parse()?;
                limits.run = Some(Duration::try_from_secs_f64(seconds)?);
            }
            _ => file = Some(arg),
        }
    }
    let file = file.ok_or("usage: supervise [-r RESTARTS] [-t SECONDS] FILE")?;
    let text = fs::read_to_string(&file).map_err(|e| format!("{file}: {e}"))?;
    let mut services = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let service = Service::parse(line)?;
        services.insert(service.name.clone(), Arc::new(service));
    }

    let operated = services.clone();
    thread::spawn(move || {
        if let Err(e) = obey(&operated, io::stdin().lock()) {
            eprintln!("supervise: standard input: {e}");
        }
    });
    thread::scope(|s| {
        for service in services.values() {
            s.spawn(|| service.supervise(&limits));
        }
    });
    let given_up = |service: &Arc<Service>| *service.phase.lock().unwrap() == Phase::GivenUp;
    Ok(if services.values().any(given_up) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
