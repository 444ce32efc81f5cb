//! Three systems whose features gocoro covers: their own test scenarios (`t_…`), and rows of their
//! features, of whose defects gocoro may have none.

mod asyncigo;
mod nimgo;
mod zigcoro;
