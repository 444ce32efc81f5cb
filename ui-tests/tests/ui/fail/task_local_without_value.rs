use gocoro::task_local;

task_local! {
    static COUNT: u32;
}

fn main() {}
