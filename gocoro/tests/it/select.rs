//! `select!` and `select_biased!`: every arm, its choice, and what losers and the chosen leave behind.

mod abandoned;
mod arms;
mod choice;
mod code;
mod io;
mod linearizable;
mod own;
