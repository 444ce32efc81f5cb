use gocoro::coroutine::{Coroutine, Suspender};

fn main() {
    let mut kept: Option<&Suspender<(), u32>> = None;
    let mut coroutine: Coroutine<(), u32, ()> = Coroutine::new(|suspender, ()| {
        kept = Some(suspender);
    });
    coroutine.resume(()).unwrap();
    kept.unwrap().suspend(1);
}
