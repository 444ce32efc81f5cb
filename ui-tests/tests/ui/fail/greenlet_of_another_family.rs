use gocoro::coroutine::Greenlet;

fn main() {
    let texts: Greenlet<String> = Greenlet::new(|text: String| text);
    let numbers: Greenlet<u32> = Greenlet::new(move |n: u32| {
        texts.switch_to(n).unwrap();
        n
    });
    numbers.switch_to(1).unwrap();

    let child: Greenlet<String> = Greenlet::with_parent(&numbers, |text: String| text);
    child.switch_to(String::new()).unwrap();
}
