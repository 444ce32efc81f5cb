use gocoro::task_local;

task_local! {
    let count: u32 = 0;
}

fn main() {}
