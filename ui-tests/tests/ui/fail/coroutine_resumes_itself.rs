use gocoro::coroutine::Coroutine;

fn main() {
    let mut own: Option<Coroutine<(), (), ()>> = None;
    own = Some(Coroutine::new(|_, ()| {
        own.as_mut().unwrap().resume(()).unwrap();
    }));
    own.as_mut().unwrap().resume(()).unwrap();
}
