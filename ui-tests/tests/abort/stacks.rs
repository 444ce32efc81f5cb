//! A stack that cannot be had is a refusal, also where a panic would be the end.

fn main() {
    std::panic::set_hook(Box::new(|_| eprintln!("the hook ran")));
    let giant = gocoro::task::Builder::new().stack_size(1 << 36).spawn(|| ()).unwrap();
    println!("{}", giant.join().unwrap_err().is_refused());
    println!("{}", gocoro::go!({ 7 }).wait());
}
