//! A server in a process of its own, on cores of its own.
//!
//! The measuring process starts the server, learns its port from its standard output, and asks for
//! its usage through its standard input. The server ends when its standard input does.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{self, Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{affinity, cli::Args, row::Context, rows, system::System, usage};

/// The measuring process's handle to a server.
pub(crate) struct Server {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub(crate) port: u16,
}

/// What a server has used since it started.
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Bytes of memory, page tables included.
    pub(crate) memory: u64,
}

impl Server {
    /// Starts the server of `kind` on the context's system.
    pub(crate) fn start(kind: &str, ctx: &Context) -> Result<Self, String> {
        let cores: Vec<String> = ctx.server_cores.iter().map(usize::to_string).collect();
        let program = std::env::current_exe().map_err(|e| format!("current_exe: {e}"))?;
        let mut process = Command::new(program)
            .args(["--serve", kind, ctx.system.name(), &cores.join(",")])
            .args(["--workers", &ctx.workers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("start the server: {e}"))?;
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut server = Server { process, questions, answers, port: 0 };
        server.port = server.read("port ")?[0] as u16;
        Ok(server)
    }

    pub(crate) fn usage(&mut self) -> Result<Usage, String> {
        let questions = self.questions.as_mut().expect("taken by drop");
        questions.write_all(b"usage\n").map_err(|e| format!("ask the server: {e}"))?;
        let [cpu, memory] = self.read("usage ")?[..] else {
            return Err("the server's answer has not two numbers".into());
        };
        Ok(Usage { cpu: Duration::from_micros(cpu), memory })
    }

    /// The numbers in the server's next line that starts with `word`.
    fn read(&mut self, word: &str) -> Result<Vec<u64>, String> {
        let mut line = String::new();
        loop {
            line.clear();
            match self.answers.read_line(&mut line) {
                Ok(0) => return Err("the server has ended".into()),
                Err(e) => return Err(format!("the server's answer: {e}")),
                Ok(_) => {}
            }
            if let Some(numbers) = line.strip_prefix(word) {
                let numbers = numbers.split_whitespace().map(|n| n.parse().map_err(|_| n.into()));
                return numbers.collect();
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.questions = None;
        let _ = self.process.wait();
    }
}

/// What the server's process does: serves until its standard input ends.
pub(crate) fn serve(kind: &str, system: System, cores: &[usize], args: &Args) {
    affinity::pin(cores);
    thread::spawn(answer);
    usage::allow_open_files();
    let workers = args.workers.unwrap_or(1);
    let served = match kind {
        "echo" => rows::serve_echo(system, workers),
        "copy" => rows::serve_copy(system, workers),
        _ => rows::serve_http(system, workers),
    };
    if let Err(e) = served {
        eprintln!("{kind} on {system}: {e}");
    }
    process::exit(1)
}

/// Tells the measuring process where this server listens.
pub(crate) fn listens_at(port: u16) {
    println!("port {port}");
}

fn answer() {
    for _ in io::stdin().lines().map_while(Result::ok) {
        println!("usage {} {}", usage::cpu_time().as_micros(), usage::memory());
    }
    process::exit(0)
}
