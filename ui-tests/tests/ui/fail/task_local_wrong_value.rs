use gocoro::task_local;

task_local! {
    static NAME: String = "nobody";
}

fn main() {}
