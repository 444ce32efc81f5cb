//! `mod name;` in `colorless!` finds its file.

#![deny(warnings)]

gocoro::colorless! {
    #[path = "support/sibling.rs"]
    mod sibling;

    #[gocoro::go_main]
    fn main() {
        assert_eq!(gocoro::go!< sibling::one() >.wait(), 1);
    }
}
