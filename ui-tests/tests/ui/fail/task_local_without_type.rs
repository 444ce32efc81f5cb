use gocoro::task_local;

task_local! {
    static COUNT = 0;
}

fn main() {}
