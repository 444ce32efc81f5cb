//! 64 bytes to and fro between two tasks, over a pair of Unix streams and of UDP sockets.

use std::{
    io::{self, Read, Write},
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use crate::{
    row::{Context, Outcome, Row, cost},
    rows::echo::MESSAGE,
    system::{
        System::{Gocoro, May, Smol, Threads, TokioCt, TokioMt},
        on_may, on_smol, on_tokio,
    },
};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "Unix stream echo",
        figures: &[cost("", "ns/round trip")],
        on: &[
            (Gocoro, unix_gocoro),
            (TokioCt, unix_tokio),
            (TokioMt, unix_tokio),
            (May, unix_may),
            (Smol, unix_smol),
            (Threads, unix_threads),
        ],
        ..Row::DEFAULT
    },
    Row {
        name: "UDP ping-pong",
        figures: &[cost("", "ns/round trip")],
        on: &[
            (Gocoro, udp_gocoro),
            (TokioCt, udp_tokio),
            (TokioMt, udp_tokio),
            (May, udp_may),
            (Smol, udp_smol),
            (Threads, udp_threads),
        ],
        ..Row::DEFAULT
    },
];

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Answers so many messages with themselves.
fn echo(mut stream: impl Read + Write, rounds: u64) {
    let mut buffer = [0; MESSAGE];
    for _ in 0..rounds {
        stream.read_exact(&mut buffer).expect("a message");
        stream.write_all(&buffer).expect("room");
    }
}

/// Sends so many messages, each when the answer to the one before has come.
fn ask(mut stream: impl Read + Write, rounds: u64) -> Duration {
    let mut buffer = [0; MESSAGE];
    let start = Instant::now();
    for _ in 0..rounds {
        stream.write_all(&buffer).expect("room");
        stream.read_exact(&mut buffer).expect("an answer");
    }
    start.elapsed()
}

fn unix_gocoro(ctx: &Context) -> Outcome {
    let runtime = ctx.gocoro();
    Ok(vec![ctx.per_op(|rounds| {
        runtime.run(|| {
            let (one, other) = gocoro::net::unix::UnixStream::pair().expect("a pair");
            let echo = gocoro::task::spawn(move || echo(other, rounds));
            let took = ask(one, rounds);
            echo.wait();
            took
        })
    })])
}

fn unix_may(ctx: &Context) -> Outcome {
    ctx.may();
    Ok(vec![ctx.per_op(|rounds| {
        on_may(move || {
            let (one, other) = may::os::unix::net::UnixStream::pair().expect("a pair");
            let echo = may::go!(move || echo(other, rounds));
            let took = ask(one, rounds);
            echo.join().expect("a coroutine");
            took
        })
    })])
}

fn unix_threads(ctx: &Context) -> Outcome {
    Ok(vec![ctx.per_op(|rounds| {
        let (one, other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let echo = thread::spawn(move || echo(other, rounds));
        let took = ask(one, rounds);
        echo.join().expect("a thread");
        took
    })])
}

/// [`echo`] and [`ask`] of an async stream, for the extension traits in scope.
macro_rules! exchange_async {
    ($one:ident, $other:ident, $rounds:ident, $spawn:expr) => {{
        let echo = async move {
            let mut buffer = [0; MESSAGE];
            for _ in 0..$rounds {
                $other.read_exact(&mut buffer).await.expect("a message");
                $other.write_all(&buffer).await.expect("room");
            }
        };
        let echo = $spawn(echo);
        let mut buffer = [0; MESSAGE];
        let start = Instant::now();
        for _ in 0..$rounds {
            $one.write_all(&buffer).await.expect("room");
            $one.read_exact(&mut buffer).await.expect("an answer");
        }
        let took = start.elapsed();
        let _ = echo.await;
        took
    }};
}

fn unix_tokio(ctx: &Context) -> Outcome {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let runtime = ctx.tokio();
    Ok(vec![ctx.per_op(|rounds| {
        on_tokio(&runtime, async move {
            let (mut one, mut other) = tokio::net::UnixStream::pair().expect("a pair");
            exchange_async!(one, other, rounds, tokio::spawn)
        })
    })])
}

fn unix_smol(ctx: &Context) -> Outcome {
    use smol::io::{AsyncReadExt, AsyncWriteExt};
    let executor = ctx.smol();
    Ok(vec![ctx.per_op(|rounds| {
        on_smol(executor, async move {
            let (mut one, mut other) = smol::net::unix::UnixStream::pair().expect("a pair");
            exchange_async!(one, other, rounds, |echo| executor.spawn(echo))
        })
    })])
}

/// Two UDP sockets that are connected to each other, for systems whose sockets are shaped as std's.
macro_rules! connected {
    ($socket:ty) => {{
        let pair = || -> io::Result<($socket, $socket)> {
            let (one, other) = (<$socket>::bind(LOCAL)?, <$socket>::bind(LOCAL)?);
            one.connect(other.local_addr()?)?;
            other.connect(one.local_addr()?)?;
            Ok((one, other))
        };
        pair().expect("two sockets")
    }};
}

/// Sends datagrams to and fro. `$spawn` starts the side that answers.
macro_rules! exchange {
    ($socket:ty, $rounds:ident, $spawn:expr) => {{
        let (one, other) = connected!($socket);
        let echo = $spawn(move || {
            let mut buffer = [0; MESSAGE];
            for _ in 0..$rounds {
                other.recv(&mut buffer).expect("a message");
                other.send(&buffer).expect("room");
            }
        });
        let mut buffer = [0; MESSAGE];
        let start = Instant::now();
        for _ in 0..$rounds {
            one.send(&buffer).expect("room");
            one.recv(&mut buffer).expect("an answer");
        }
        let took = start.elapsed();
        let _ = echo.join();
        took
    }};
}

fn udp_gocoro(ctx: &Context) -> Outcome {
    let runtime = ctx.gocoro();
    Ok(vec![ctx.per_op(|rounds| {
        runtime.run(|| exchange!(gocoro::net::UdpSocket, rounds, gocoro::task::spawn))
    })])
}

fn udp_may(ctx: &Context) -> Outcome {
    ctx.may();
    Ok(vec![ctx.per_op(|rounds| {
        on_may(move || exchange!(may::net::UdpSocket, rounds, |echo| may::go!(echo)))
    })])
}

fn udp_threads(ctx: &Context) -> Outcome {
    Ok(vec![ctx.per_op(|rounds| exchange!(std::net::UdpSocket, rounds, thread::spawn))])
}

/// As `exchange`, for async sockets.
macro_rules! exchange_datagrams_async {
    ($socket:ty, $rounds:ident, $spawn:expr) => {{
        let one = <$socket>::bind(LOCAL).await.expect("a socket");
        let other = <$socket>::bind(LOCAL).await.expect("a socket");
        one.connect(other.local_addr().expect("an address")).await.expect("connect");
        other.connect(one.local_addr().expect("an address")).await.expect("connect");
        let echo = async move {
            let mut buffer = [0; MESSAGE];
            for _ in 0..$rounds {
                other.recv(&mut buffer).await.expect("a message");
                other.send(&buffer).await.expect("room");
            }
        };
        let echo = $spawn(echo);
        let mut buffer = [0; MESSAGE];
        let start = Instant::now();
        for _ in 0..$rounds {
            one.send(&buffer).await.expect("room");
            one.recv(&mut buffer).await.expect("an answer");
        }
        let took = start.elapsed();
        let _ = echo.await;
        took
    }};
}

fn udp_tokio(ctx: &Context) -> Outcome {
    let runtime = ctx.tokio();
    Ok(vec![ctx.per_op(|rounds| {
        on_tokio(&runtime, async move {
            exchange_datagrams_async!(tokio::net::UdpSocket, rounds, tokio::spawn)
        })
    })])
}

fn udp_smol(ctx: &Context) -> Outcome {
    let executor = ctx.smol();
    Ok(vec![ctx.per_op(|rounds| {
        on_smol(executor, async move {
            exchange_datagrams_async!(smol::net::UdpSocket, rounds, |echo| executor.spawn(echo))
        })
    })])
}
