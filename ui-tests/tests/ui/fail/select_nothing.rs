use gocoro::select;

fn main() {
    select! {}
}
