//! `select!` and `select_biased!` do one of their arms, and leave nothing of the others behind.

mod abandoned;
mod arms;
mod choice;
mod code;
mod io;
mod linearizable;
mod own;
