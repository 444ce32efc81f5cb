// alarm: rings at the times that standard input asks for.
//
//     printf '1500 tea\n300 egg\n' | alarm
//
// Each line is a number of milliseconds and a message, which is printed when that time has passed.
// Every alarm is a thread that sleeps. At the end of its input the program waits for those that are
// still to ring.

use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

struct Alarm {
    delay: Duration,
    message: String,
}

impl Alarm {
    fn ring(&self) -> io::Result<()> {
        thread::sleep(self.delay);
        writeln!(io::stdout(), "{}", self.message)
    }
}

impl FromStr for Alarm {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (delay, message) = line.split_once(' ').ok_or("no message")?;
        let delay = delay.parse().map_err(|e| format!("'{delay}': {e}"))?;
        Ok(Self { delay: Duration::from_millis(delay), message: message.to_owned() })
    }
}

fn main() -> io::Result<ExitCode> {
    let mut alarms = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for (number, line) in (1..).zip(io::stdin().lines()) {
        match line?.parse::<Alarm>() {
            Ok(alarm) => {
                let thread = thread::Builder::new().name(format!("alarm {number}"));
                alarms.push(thread.spawn(move || alarm.ring())?);
            }
            Err(e) => {
                eprintln!("alarm: line {number}: {e}");
                code = ExitCode::FAILURE;
            }
        }
    }
    for alarm in alarms {
        alarm.join().expect("an alarm only sleeps and prints")?;
    }
    Ok(code)
}
