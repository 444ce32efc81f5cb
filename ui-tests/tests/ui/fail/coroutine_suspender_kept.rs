use gocoro::coroutine::{Coroutine, Suspender};
use gocoro::task;

fn main() {
    let mut kept: Option<&Suspender<(), u32>> = None;
    let mut coroutine: Coroutine<(), u32, ()> = Coroutine::new(|suspender, ()| {
        kept = Some(suspender);
    });
    coroutine.resume(()).unwrap();
    kept.unwrap().suspend(1);

    let mut lent: Coroutine<(), u32, ()> = Coroutine::new(|suspender, ()| {
        task::scope(|scope| {
            scope.spawn(|| suspender.suspend(1));
        });
    });
    lent.resume(()).unwrap();
}
