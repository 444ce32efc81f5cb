//! Memory of the echo server against the number of its connections. Each connection was served
//! once, and is idle.

use crate::{
    load::{Load, Plan},
    row::{Context, Figure, Group, Outcome, Place, Row, Run, cost},
    rows::echo::{MESSAGE, allow_connections},
    server::Server,
    system::System::{self, Gocoro, May, Smol, Threads, TokioCt, TokioMt},
};

const FIGURES: &[Figure] = &[cost("server's memory", "KiB/connection")];

const ON: &[(System, Run)] = &[
    (Gocoro, measure),
    (TokioCt, measure),
    (TokioMt, measure),
    (May, measure),
    (Smol, measure),
    (Threads, measure),
];

const fn row(name: &'static str, size: usize, on: &'static [(System, Run)]) -> Row {
    let quick = if size < 300 { size } else { 300 };
    let (group, place) = (Group::Growth, Place::BesideServer);
    Row { name, group, figures: FIGURES, size, quick, place, on, ..Row::DEFAULT }
}

pub(crate) const ROWS: &[Row] = &[
    row("growth: 1 connection", 1, ON),
    row("growth: 10 connections", 10, ON),
    row("growth: 100 connections", 100, ON),
    row("growth: 1 000 connections", 1_000, ON),
    row("growth: 10 000 connections", 10_000, ON),
    row("growth: 100 000 connections", 100_000, ON.split_last().expect("some").1),
];

fn measure(ctx: &Context) -> Outcome {
    allow_connections(ctx.size)?;
    let mut server = Server::start("echo", ctx)?;
    let before = server.usage()?.memory;
    let _load = Load::open(Plan {
        port: server.port,
        connections: ctx.size,
        request: vec![b'x'; MESSAGE],
        answer: MESSAGE,
        reconnect: false,
    })
    .map_err(|e| format!("open the connections: {e}"))?;
    let memory = server.usage()?.memory.saturating_sub(before);
    Ok(vec![memory as f64 / 1024.0 / ctx.size as f64])
}
