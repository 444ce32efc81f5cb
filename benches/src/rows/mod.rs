//! The rows, a module for each family. In each module the systems stand side by side: the same
//! algorithm in each system's own words.

mod channels;
mod connections;
mod copy;
mod coroutines;
mod echo;
mod files;
mod handoff;
mod http;
mod mutex;
mod parked;
mod pipes;
mod raw;
mod skynet;
mod sockets;
mod spawn;
mod timers;
mod wake;
mod yields;

pub(crate) use copy::serve as serve_copy;
pub(crate) use echo::serve as serve_echo;
pub(crate) use http::serve as serve_http;

use crate::row::Row;

/// All rows, in the table's order.
pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    let families = [
        raw::ROWS,
        coroutines::ROWS,
        yields::ROWS,
        spawn::ROWS,
        handoff::ROWS,
        wake::ROWS,
        skynet::ROWS,
        channels::ROWS,
        mutex::ROWS,
        parked::ROWS,
        timers::ROWS,
        sockets::ROWS,
        pipes::ROWS,
        files::ROWS,
        echo::ROWS,
        copy::ROWS,
        http::ROWS,
        connections::ROWS,
    ];
    families.into_iter().flatten()
}
