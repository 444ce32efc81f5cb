//! A TCP echo server of 64-byte messages. The server is a process on the first core (or cores). The
//! load generator is this process, on the other cores.

use std::{
    io::{self, Read, Write},
    thread,
    time::Duration,
};

use crate::{
    load::{Load, Plan},
    row::{Context, Figure, Outcome, Place, Problem, Row, Run, cost, rate},
    server::{Server, listens_at},
    system::{
        self,
        System::{self, Gocoro, May, Smol, Threads, TokioCt, TokioMt},
    },
    usage,
};

pub(crate) const MESSAGE: usize = 64;

pub(crate) const FIGURES: &[Figure] = &[rate("", "requests/s"), cost("server's CPU", "µs/request")];

const ON: &[(System, Run)] = &[
    (Gocoro, measure),
    (TokioCt, measure),
    (TokioMt, measure),
    (May, measure),
    (Smol, measure),
    (Threads, measure),
];

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "TCP echo, 50 connections",
        figures: FIGURES,
        size: 50,
        quick: 50,
        place: Place::BesideServer,
        two: true,
        on: ON,
        ..Row::DEFAULT
    },
    Row {
        name: "TCP echo, 1 000 connections",
        figures: FIGURES,
        size: 1_000,
        quick: 200,
        place: Place::BesideServer,
        two: true,
        on: ON,
        ..Row::DEFAULT
    },
];

fn measure(ctx: &Context) -> Outcome {
    allow_connections(ctx.size)?;
    let mut server = Server::start("echo", ctx)?;
    let plan = Plan {
        port: server.port,
        connections: ctx.size,
        request: vec![b'x'; MESSAGE],
        answer: MESSAGE,
        reconnect: false,
    };
    figures(ctx, &mut server, plan, 1)
}

/// Makes sure that this process and the server may each have that many connections.
pub(crate) fn allow_connections(connections: usize) -> Result<(), Problem> {
    let allowed = usage::allow_open_files();
    if allowed < connections as u64 + 100 {
        return Err(Problem::NotHere(format!("a process may have {allowed} open files")));
    }
    Ok(())
}

/// Drives `plan` against `server`. Each exchange has `requests` requests.
pub(crate) fn figures(ctx: &Context, server: &mut Server, plan: Plan, requests: u64) -> Outcome {
    let (warm_up, window) = if ctx.quick { (5, 25) } else { (300, 1_000) };
    let mut load = Load::open(plan).map_err(|e| format!("open the connections: {e}"))?;
    let mut drive = |millis| {
        load.drive(Duration::from_millis(millis)).map_err(|e| format!("drive the load: {e}"))
    };
    drive(warm_up)?;
    let before = server.usage()?.cpu;
    let done = drive(window)?;
    let cpu = server.usage()?.cpu - before;
    let requests = (done.exchanges * requests) as f64;
    Ok(vec![requests / done.took.as_secs_f64(), cpu.as_secs_f64() * 1e6 / requests])
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

/// Echoes until the other side closes, on every system whose streams are `Read` and `Write`.
fn echo(mut stream: impl Read + Write) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n])?;
    }
}

fn gocoro() -> io::Result<()> {
    let listener = gocoro::net::TcpListener::bind("0.0.0.0:0")?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        drop(gocoro::task::spawn(move || echo(stream)));
    }
}

async fn tokio() -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut buffer = [0; 1024];
            loop {
                let n = stream.read(&mut buffer).await?;
                if n == 0 {
                    return io::Result::Ok(());
                }
                stream.write_all(&buffer[..n]).await?;
            }
        });
    }
}

fn may() -> io::Result<()> {
    let listener = may::net::TcpListener::bind("0.0.0.0:0")?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        may::go!(move || echo(stream));
    }
}

async fn smol(executor: system::SmolExecutor) -> io::Result<()> {
    use smol::io::{AsyncReadExt, AsyncWriteExt};
    let listener = smol::net::TcpListener::bind("0.0.0.0:0").await?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let echo = async move {
            let mut buffer = [0; 1024];
            loop {
                let n = stream.read(&mut buffer).await?;
                if n == 0 {
                    return io::Result::Ok(());
                }
                stream.write_all(&buffer[..n]).await?;
            }
        };
        executor.spawn(echo).detach();
    }
}

fn threads() -> io::Result<()> {
    let listener = std::net::TcpListener::bind("0.0.0.0:0")?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        thread::spawn(move || echo(stream));
    }
}
