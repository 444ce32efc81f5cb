use gocoro::{go, task::TaskGroup};

fn main() {
    let group = TaskGroup::new();
    go!(in group, local => { println!("here") });
    group.join_all();
}
