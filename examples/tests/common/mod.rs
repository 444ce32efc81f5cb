//! A server of the examples as a process of its own, for clients of plain std.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each of the tests that share this uses a part of it"
)]

use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Longer than every timeout of the servers that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(40);

pub struct Server {
    pub process: Child,
    pub address: String,
    /// What the server says after it has said where it listens.
    pub stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts an example on a port that is free.
    pub fn start(program: &str) -> Self {
        Self::run(&mut Command::new(program), &[])
    }

    pub fn run(command: &mut Command, arguments: &[&str]) -> Self {
        let mut process = command
            .arg("127.0.0.1:0")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().expect("stdout is piped"));
        stdout.read_line(&mut line).expect("it says where it listens");
        let address = line.trim().rsplit(['/', ' ']).next().expect("an address").to_owned();
        Self { process, address, stdout }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn is_timeout<T>(result: std::io::Result<T>) -> bool {
    result.is_err_and(|e| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}
