//! The facade in a module of another library.

#![deny(warnings)]

mod framework {
    pub mod tasks {
        pub use gocoro::{colorless, go, go_main};
    }

    #[doc(hidden)]
    pub mod __private {
        pub extern crate gocoro;
    }
}

use framework::tasks;

tasks::colorless! {
    fn one() -> u32 {
        tasks::go!< { 1 } >.wait()
    }
}

macro_rules! program {
    ($body:block) => {
        #[tasks::go_main(crate = $crate::framework::__private::gocoro)]
        fn main() $body
    };
}

program! {{
    assert_eq!(one() + tasks::go!({ 1 }).wait(), 2);
    other();
}}

fn other() {
    mod program {
        use crate::framework;

        #[framework::tasks::go_main(crate = framework::__private::gocoro)]
        pub fn main() {}
    }
    program::main();
}
