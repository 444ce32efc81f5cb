//! One task writes messages to a pipe, another reads them. A message is written by `write_all`, and
//! the reader takes whatever is there, up to 64 KiB, which is what a pipe holds.

use std::{
    io::{self, Read, Write},
    thread,
    time::Instant,
};

use crate::{
    row::{Context, Figure, Outcome, Row, Run, rate},
    system::{
        System::{self, Gocoro, Smol, Threads, TokioCt, TokioMt},
        on_smol, on_tokio,
    },
};

const FIGURES: &[Figure] = &[rate("", "MB/s")];

const ON: &[(System, Run)] =
    &[(Gocoro, gocoro), (TokioCt, tokio), (TokioMt, tokio), (Smol, smol), (Threads, threads)];

/// A row's `size` is that of its messages.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "pipe, 64 B",
        figures: FIGURES,
        size: 64,
        quick: 64,
        two: true,
        on: ON,
        ..Row::DEFAULT
    },
    Row {
        name: "pipe, 64 KiB",
        figures: FIGURES,
        size: 64 << 10,
        quick: 64 << 10,
        two: true,
        on: ON,
        ..Row::DEFAULT
    },
];

const BUFFER_BYTES: usize = 64 << 10;

/// Megabytes in a second, where a message takes so many nanoseconds.
fn figure(ctx: &Context, nanos: f64) -> Outcome {
    Ok(vec![ctx.size as f64 * 1e3 / nanos])
}

/// Writes `messages` of `size` bytes, on every system whose pipes are `Write`.
fn write(mut writer: impl Write, size: usize, messages: u64) {
    let message = vec![b'x'; size];
    for _ in 0..messages {
        writer.write_all(&message).expect("write to the pipe");
    }
}

/// Reads to the end, on every system whose pipes are `Read`.
fn read(mut reader: impl Read) -> u64 {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut count = 0;
    loop {
        match reader.read(&mut buffer).expect("read from the pipe") {
            0 => return count,
            read => count += read as u64,
        }
    }
}

fn check(ctx: &Context, messages: u64, count: u64) {
    assert_eq!(count, messages * ctx.size as u64, "bytes that came through");
}

fn gocoro(ctx: &Context) -> Outcome {
    use gocoro::{io::pipe, task::spawn};
    let (runtime, size) = (ctx.gocoro(), ctx.size);
    let nanos = ctx.per_op(|messages| {
        runtime.run(|| {
            let (reader, writer) = pipe().expect("a pipe");
            let start = Instant::now();
            let writing = spawn(move || write(writer, size, messages));
            let reading = spawn(move || read(reader));
            writing.wait();
            check(ctx, messages, reading.wait());
            start.elapsed()
        })
    });
    figure(ctx, nanos)
}

fn tokio(ctx: &Context) -> Outcome {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::unix::pipe::pipe,
    };
    let (runtime, size) = (ctx.tokio(), ctx.size);
    let nanos = ctx.per_op(|messages| {
        let (took, count) = on_tokio(&runtime, async move {
            let (mut writer, mut reader) = pipe().expect("a pipe");
            let start = Instant::now();
            let writing = tokio::spawn(async move {
                let message = vec![b'x'; size];
                for _ in 0..messages {
                    writer.write_all(&message).await.expect("write to the pipe");
                }
            });
            let reading = tokio::spawn(async move {
                let mut buffer = vec![0; BUFFER_BYTES];
                let mut count = 0;
                loop {
                    match reader.read(&mut buffer).await.expect("read from the pipe") {
                        0 => return count,
                        read => count += read as u64,
                    }
                }
            });
            writing.await.expect("a task");
            let count = reading.await.expect("a task");
            (start.elapsed(), count)
        });
        check(ctx, messages, count);
        took
    });
    figure(ctx, nanos)
}

fn smol(ctx: &Context) -> Outcome {
    use smol::{
        Async,
        io::{AsyncReadExt, AsyncWriteExt},
    };
    let (executor, size) = (ctx.smol(), ctx.size);
    let nanos = ctx.per_op(|messages| {
        let (took, count) = on_smol(executor, async move {
            let (reader, writer) = io::pipe().expect("a pipe");
            let mut reader = Async::new(reader).expect("a pipe");
            let mut writer = Async::new(writer).expect("a pipe");
            let start = Instant::now();
            let writing = executor.spawn(async move {
                let message = vec![b'x'; size];
                for _ in 0..messages {
                    writer.write_all(&message).await.expect("write to the pipe");
                }
            });
            let reading = executor.spawn(async move {
                let mut buffer = vec![0; BUFFER_BYTES];
                let mut count = 0;
                loop {
                    match reader.read(&mut buffer).await.expect("read from the pipe") {
                        0 => return count,
                        read => count += read as u64,
                    }
                }
            });
            writing.await;
            let count = reading.await;
            (start.elapsed(), count)
        });
        check(ctx, messages, count);
        took
    });
    figure(ctx, nanos)
}

fn threads(ctx: &Context) -> Outcome {
    let size = ctx.size;
    let nanos = ctx.per_op(|messages| {
        let (reader, writer) = io::pipe().expect("a pipe");
        let start = Instant::now();
        let writing = thread::spawn(move || write(writer, size, messages));
        let reading = thread::spawn(move || read(reader));
        writing.join().expect("a thread");
        check(ctx, messages, reading.join().expect("a thread"));
        start.elapsed()
    });
    figure(ctx, nanos)
}
