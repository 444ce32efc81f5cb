//! Lesson: a waiting task is cheap enough to give one to every connection.
//!
//! Holds N connections (default 10 000) open at once, each with a task of its own that waits in
//! `read`. The clients are a second process, so that the memory printed is the server's alone; what
//! the kernel keeps for the sockets is not part of it. Each connection is answered once before and
//! once after the measurement: none of them is dead.
//!
//! Run it: `cargo run --release -p gocoro-examples --bin idle_connections [N]`

mod clients;
mod machine;

use gocoro::net::{TcpListener, TcpStream};
use gocoro::{go, go_main};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::Command;

/// Answers each byte with the next one, until the client hangs up.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 {
        stream.write_all(&[byte[0].wrapping_add(1)])?;
    }
    Ok(())
}

fn accept_loop(listener: TcpListener) {
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => drop(go!(serve(stream))),
            Err(e) => eprintln!("accept: {e}"),
        }
    }
}

fn measure(count: usize) -> io::Result<()> {
    let control = TcpListener::bind("127.0.0.1:0")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--clients", &count.to_string(), &control.local_addr()?.to_string()]);
    for host in 1..=count.div_ceil(clients::PER_LISTENER) {
        let listener = TcpListener::bind(format!("127.0.0.{host}:0"))?;
        command.arg(listener.local_addr()?.to_string());
        go!(daemon => accept_loop(listener));
    }
    let mut process = command.spawn()?;
    let (control, _) = control.accept()?;
    let mut reports = BufReader::new(&control).lines();

    let before = machine::memory();
    for step in ["open", "again"] {
        writeln!(&control, "{step}")?;
        let report = reports.next().ok_or_else(|| io::Error::other("the clients are gone"))??;
        println!("{report}");
        if let (Some(before), Some(after)) = (&before, machine::memory()) {
            println!(
                "memory for each connection: {:.2} KiB resident, {:.2} KiB of page tables",
                (after.resident - before.resident) / count as f64,
                (after.page_tables - before.page_tables) / count as f64,
            );
        }
    }
    drop(reports);
    drop(control);
    process.wait().map(drop)
}

#[go_main]
fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [flag, count, control, servers @ ..] = arguments.as_slice()
        && flag == "--clients"
    {
        return clients::run(count.parse().map_err(io::Error::other)?, control, servers);
    }
    let wanted = arguments.first().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    measure(machine::make_room(wanted).max(1))
}
