use gocoro::{go, task::TaskGroup};

async fn fetch(n: u32) -> u32 {
    n
}

fn main() {
    let group = TaskGroup::new();
    go!(in group => fetch(1));
}
