// make: builds what is out of date, several things at a time.
//
//     make [-j JOBS] [-k] [-n] [-f FILE] [TARGET]...
//
// -f  the file with the rules, `Buildfile` by default    -k  goes on after a failure, where it can
// -j  how many targets are built at a time               -n  only prints the commands
//
// A rule is `TARGET: NEEDED...`, and below it commands, each after a tab. A target is out of date
// if it is no file, or older than one that it needs. Without a target the first rule's is built.
// What a command prints is shown when it has ended, so that two never mix.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::SystemTime;

#[derive(Debug)]
struct Rule {
    target: String,
    needs: Vec<String>,
    commands: Vec<String>,
}

fn parse(text: &str) -> Result<Vec<Rule>, String> {
    let mut rules: Vec<Rule> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(command) = line.strip_prefix('\t') {
            let rule = rules.last_mut().ok_or(format!("line {number}: a command of no rule"))?;
            rule.commands.push(command.to_owned());
            continue;
        }
        let (target, needs) = line.split_once(':').ok_or(format!("line {number}: no colon"))?;
        let needs = needs.split_whitespace().map(str::to_owned).collect();
        rules.push(Rule { target: target.trim().to_owned(), needs, commands: Vec::new() });
    }
    Ok(rules)
}

/// A rule that is to be followed, and what stands between it and its start.
struct Step<'a> {
    rule: &'a Rule,
    waits_for: usize,
    /// The steps that need this one.
    needed_by: Vec<usize>,
    /// A step that this one needs has built something.
    stale: bool,
}

/// The steps for some targets, each after those that it needs.
#[derive(Default)]
struct Plan<'a> {
    steps: Vec<Step<'a>>,
    /// The step of each target that was looked at. None while what it needs is looked at.
    known: HashMap<&'a str, Option<usize>>,
}

impl<'a> Plan<'a> {
    /// Adds a target with all that it needs. A file without a rule has no step.
    fn add(
        &mut self,
        rules: &HashMap<&str, &'a Rule>,
        name: &str,
    ) -> Result<Option<usize>, String> {
        let Some(&rule) = rules.get(name) else {
            let exists = fs::exists(name).map_err(|e| format!("{name}: {e}"))?;
            return if exists { Ok(None) } else { Err(format!("no rule for '{name}'")) };
        };
        match self.known.get(name) {
            Some(Some(step)) => return Ok(Some(*step)),
            Some(None) => return Err(format!("'{name}' needs itself")),
            None => self.known.insert(&rule.target, None),
        };
        let mut needed = Vec::new();
        for name in &rule.needs {
            needed.extend(self.add(rules, name)?);
        }
        needed.sort_unstable();
        needed.dedup();
        let index = self.steps.len();
        for &step in &needed {
            self.steps[step].needed_by.push(index);
        }
        self.steps.push(Step {
            rule,
            waits_for: needed.len(),
            needed_by: Vec::new(),
            stale: false,
        });
        self.known.insert(&rule.target, Some(index));
        Ok(Some(index))
    }
}

fn modified(path: &str) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

impl Rule {
    fn is_out_of_date(&self) -> bool {
        let Some(built) = modified(&self.target) else { return true };
        self.needs.iter().any(|need| modified(need).is_none_or(|time| time > built))
    }

    /// Runs the commands up to the first that fails.
    fn build(&self, dry: bool) -> Result<(), String> {
        for command in &self.commands {
            let mut report = format!("{command}\n").into_bytes();
            let mut failure = None;
            if !dry {
                let run = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).output();
                let output = run.map_err(|e| format!("sh: {e}"))?;
                report.extend(output.stdout);
                report.extend(output.stderr);
                failure = (!output.status.success()).then(|| output.status.to_string());
            }
            io::stdout().write_all(&report).map_err(|e| format!("output: {e}"))?;
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        Ok(())
    }
}

/// What the threads that build share.
struct Work<'a> {
    steps: Vec<Step<'a>>,
    /// Steps that need nothing any more, by their index: the earliest is built first.
    ready: BTreeMap<usize, &'a Rule>,
    running: usize,
    built: usize,
    failed: bool,
}

impl Work<'_> {
    /// Whether no step will become ready any more.
    fn is_over(&self, keep_going: bool) -> bool {
        let stopped = self.failed && !keep_going;
        stopped || (self.ready.is_empty() && self.running == 0)
    }

    fn finish(&mut self, index: usize, built: bool) {
        for next in std::mem::take(&mut self.steps[index].needed_by) {
            let step = &mut self.steps[next];
            step.waits_for -= 1;
            step.stale |= built;
            if step.waits_for == 0 {
                self.ready.insert(next, step.rule);
            }
        }
    }
}

struct Builder<'a> {
    work: Mutex<Work<'a>>,
    changed: Condvar,
    keep_going: bool,
    dry: bool,
}

impl Builder<'_> {
    /// Builds one target after another, until there is nothing to build any more.
    fn run(&self) {
        let mut work = self.work.lock().unwrap();
        loop {
            let idle =
                |work: &mut Work<'_>| work.ready.is_empty() && !work.is_over(self.keep_going);
            work = self.changed.wait_while(work, idle).unwrap();
            if work.is_over(self.keep_going) {
                return;
            }
            let (index, rule) = work.ready.pop_first().expect("one is ready, or all is over");
            let stale = work.steps[index].stale;
            work.running += 1;
            drop(work);

            let outcome = match stale || rule.is_out_of_date() {
                true => rule.build(self.dry).map(|()| !rule.commands.is_empty()),
                false => Ok(false),
            };

            work = self.work.lock().unwrap();
            work.running -= 1;
            match outcome {
                Ok(built) => {
                    work.built += usize::from(built);
                    work.finish(index, built);
                }
                Err(failure) => {
                    work.failed = true;
                    eprintln!("make: '{}': {failure}", rule.target);
                }
            }
            self.changed.notify_all();
        }
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (mut jobs, mut keep_going, mut dry) = (1, false, false);
    let (mut file, mut goals) = (String::from("Buildfile"), Vec::new());
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-f" => file = args.next().ok_or("-f needs a file")?,
            "-j" => jobs = args.next().ok_or("-j needs a number")?.parse()?,
            "-k" => keep_going = true,
            "-n" => dry = true,
            _ => goals.push(arg),
        }
    }
    let rules = parse(&fs::read_to_string(&file).map_err(|e| format!("{file}: {e}"))?)?;
    let by_target: HashMap<_, _> = rules.iter().map(|rule| (rule.target.as_str(), rule)).collect();
    if goals.is_empty() {
        goals.push(rules.first().ok_or(format!("{file}: no rules"))?.target.clone());
    }

    let mut plan = Plan::default();
    for goal in &goals {
        plan.add(&by_target, goal)?;
    }
    let steps = plan.steps;
    let ready = steps.iter().enumerate().filter(|(_, step)| step.waits_for == 0);
    let ready = ready.map(|(index, step)| (index, step.rule)).collect();
    let builder = Builder {
        work: Mutex::new(Work { steps, ready, running: 0, built: 0, failed: false }),
        changed: Condvar::new(),
        keep_going,
        dry,
    };
    thread::scope(|s| {
        for _ in 0..jobs.max(1) {
            s.spawn(|| builder.run());
        }
    });
    let work = builder.work.into_inner().unwrap();
    if !work.failed && work.built == 0 {
        println!("nothing to build");
    }
    Ok(if work.failed { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
