//! Every form of a body, none of which warns.

#![deny(warnings)]

use std::rc::Rc;

use gocoro::{go, go_main};

struct Conn {
    id: u32,
    peers: Vec<u32>,
    handler: fn(u32) -> u32,
}

impl Conn {
    fn id(&self) -> u32 {
        self.id
    }

    fn serve(&mut self, n: u32) -> u32 {
        self.id += n;
        self.id
    }
}

fn twice(n: u32) -> u32 {
    n * 2
}

fn conn() -> Conn {
    Conn { id: 1, peers: vec![2], handler: twice }
}

#[go_main]
fn main() {
    // Calls.
    go!(twice(1)).wait();
    go! { twice(1) }.wait();
    let conn_of_mine = conn();
    go!(conn_of_mine.serve(conn_of_mine.id())).wait();
    let other = conn();
    go!((other.handler)(2)).wait();
    go!(Conn { id: 1, peers: vec![], handler: twice }.id()).wait();
    go!(std::iter::repeat::<u32>(1)).wait();
    go!(Option::map(Some(1), |n| n + 1)).wait();
    go!((|n: u32| n + 1)(1)).wait();
    let peers = conn().peers;
    go!(peers[0].pow(2)).wait();

    // Anything else.
    go!({ twice(1) }).wait();
    go!({}).wait();
    go!(if twice(1) > 1 { 1 } else { 2 }).wait();
    go!(match twice(1) {
        2 => "two",
        _ => "more",
    })
    .wait();
    go!(for n in 0..2 {
        twice(n);
    })
    .wait();
    go!(while twice(1) > 2 {}).wait();
    go!(loop {
        break;
    })
    .wait();
    go!(unsafe { std::mem::zeroed::<u32>() }).wait();
    go!(println!("printed")).wait();
    go!((twice(1) + 1)).wait();
    go!(twice(1); twice(2)).wait();
    go!(let n = twice(1); n).wait();

    // Options.
    let shared = Rc::new(1);
    go!(local, clone(shared) => { assert_eq!(*shared, 1) }).wait();
    go!(daemon, name = "d", stack_size = 1 << 16, => twice(1)).wait();
    assert_eq!(*shared, 1);
}
