//! The systems that gocoro has to cover, by the ids of `seeds.md`: their own test scenarios (`t_…`), and
//! rows of their features, of whose defects gocoro may have none.

mod asyncigo;
mod nimgo;
mod zigcoro;
