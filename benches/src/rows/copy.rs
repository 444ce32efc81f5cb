//! Copying from one connection to another. The server is a process on the first core (or cores): of
//! each two connections that it accepts, it copies the first to the second with its system's own
//! `copy`. The load generator is this process, on the other cores: one thread writes, another
//! reads.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Instant,
};

use crate::{
    load,
    row::{Context, Outcome, Place, Row, cost, rate},
    server::{Server, listens_at},
    system::{
        self,
        System::{self, Gocoro, May, Smol, Threads, TokioCt, TokioMt},
    },
};

/// How much the load generator writes, and reads, at once.
const PIECE: usize = 256 * 1024;

const MIB: f64 = 1024.0 * 1024.0;

pub(crate) const ROWS: &[Row] = &[Row {
    name: "copy, 1 GiB over TCP",
    figures: &[rate("", "MiB/s"), cost("server's CPU", "ms/GiB")],
    size: 1 << 30,
    quick: 1 << 24,
    place: Place::BesideServer,
    two: true,
    on: &[
        (Gocoro, measure),
        (TokioCt, measure),
        (TokioMt, measure),
        (May, measure),
        (Smol, measure),
        (Threads, measure),
    ],
    ..Row::DEFAULT
}];

fn measure(ctx: &Context) -> Outcome {
    let mut server = Server::start("copy", ctx)?;
    let port = server.port;
    // The first copy warms the server up.
    exchange(port, ctx.size / 16).map_err(|e| format!("drive the load: {e}"))?;
    let before = server.usage()?.cpu;
    let seconds = exchange(port, ctx.size).map_err(|e| format!("drive the load: {e}"))?;
    let cpu = server.usage()?.cpu - before;
    let mib = ctx.size as f64 / MIB;
    Ok(vec![mib / seconds, cpu.as_secs_f64() * 1e3 * 1024.0 / mib])
}

/// Has the server copy so many bytes. Returns how many seconds that took.
fn exchange(port: u16, bytes: usize) -> io::Result<f64> {
    let mut source = TcpStream::connect(load::address(port, 0))?;
    let mut sink = TcpStream::connect(load::address(port, 0))?;
    let start = Instant::now();
    let writer = thread::spawn(move || {
        let piece = vec![b'x'; PIECE];
        let mut left = bytes;
        while left > 0 {
            let count = left.min(piece.len());
            source.write_all(&piece[..count])?;
            left -= count;
        }
        source.shutdown(Shutdown::Write)
    });
    let mut piece = vec![0; PIECE];
    let mut received = 0;
    loop {
        match sink.read(&mut piece)? {
            0 => break,
            count => received += count,
        }
    }
    let took = start.elapsed().as_secs_f64();
    writer.join().expect("the writer")?;
    assert_eq!(received, bytes, "all was copied");
    Ok(took)
}

/// Runs the server of `system`.
pub(crate) fn serve(system: System, workers: usize) -> io::Result<()> {
    match system {
        Gocoro => system::gocoro(workers).run(gocoro),
        TokioCt | TokioMt => system::on_tokio(&system::tokio(system, workers), tokio()),
        May => {
            system::may(workers);
            system::on_may(may)
        }
        Smol => {
            let executor = system::smol(workers);
            system::on_smol(executor, smol(executor))
        }
        _ => threads(),
    }
}

fn gocoro() -> io::Result<()> {
    let listener = gocoro::net::TcpListener::bind("0.0.0.0:0")?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (mut from, mut to) = (listener.accept()?.0, listener.accept()?.0);
        drop(gocoro::task::spawn(move || gocoro::io::copy(&mut from, &mut to)));
    }
}

async fn tokio() -> io::Result<()> {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (mut from, mut to) = (listener.accept().await?.0, listener.accept().await?.0);
        tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
    }
}

fn may() -> io::Result<()> {
    let listener = may::net::TcpListener::bind("0.0.0.0:0")?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (mut from, mut to) = (listener.accept()?.0, listener.accept()?.0);
        may::go!(move || io::copy(&mut from, &mut to));
    }
}

async fn smol(executor: system::SmolExecutor) -> io::Result<()> {
    let listener = smol::net::TcpListener::bind("0.0.0.0:0").await?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (from, to) = (listener.accept().await?.0, listener.accept().await?.0);
        executor.spawn(smol::io::copy(from, to)).detach();
    }
}

fn threads() -> io::Result<()> {
    let listener = std::net::TcpListener::bind("0.0.0.0:0")?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (mut from, mut to) = (listener.accept()?.0, listener.accept()?.0);
        thread::spawn(move || io::copy(&mut from, &mut to));
    }
}
