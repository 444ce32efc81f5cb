//! Cancelled socket I/O leaves nothing behind, and in destructors it fails where it would wait.

use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};

use gocoro::net::{TcpListener, TcpStream};
use gocoro::task::{self, Cancelled, JoinHandle};
use gocoro::time::sleep;
use gocoro::{channel, go};

use crate::support::{
    NEVER, SOON, assert_cancelled, bounded, on_drop, on_workers, pair, settle, until, with_workers,
};

/// Writes until there is no room left; returns how much it was.
fn fill(stream: &TcpStream) -> usize {
    let mut sent = 0;
    loop {
        match stream.try_write(&[0; 64 * 1024]) {
            Ok(count) => sent += count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                // The peer's kernel may still be taking it.
                settle();
                match stream.try_write(&[0]) {
                    Ok(count) => sent += count,
                    Err(_) => return sent,
                }
            }
        }
    }
}

#[test]
fn a_stream_is_usable_after_its_readers_were_cancelled() {
    on_workers(|_| {
        let (mut client, server) = pair();
        let server = Arc::new(server);
        for _ in 0..3 {
            let readers: Vec<_> =
                (0..50).map(|_| go!(clone(server) => { (&*server).read(&mut [0; 8]) })).collect();
            settle();
            readers.iter().for_each(JoinHandle::cancel);
            readers.into_iter().for_each(assert_cancelled);
            // Not one of them is woken in place of this one, or takes its byte.
            let reader = go!(clone(server) => {
                let mut byte = [0];
                (&*server).read_exact(&mut byte).map(|()| byte)
            });
            settle();
            client.write_all(b"x").unwrap();
            assert_eq!(reader.wait().unwrap(), *b"x");
        }
        // And it goes back to std whole.
        let fd = OwnedFd::from(Arc::into_inner(server).unwrap());
        let server = std::net::TcpStream::from(fd);
        client.write_all(b"end").unwrap();
        drop(client);
        let thread = std::thread::spawn(move || {
            let mut text = String::new();
            (&server).read_to_string(&mut text).map(|_| text)
        });
        until(|| thread.is_finished());
        assert_eq!(thread.join().unwrap().unwrap(), "end");
    });
}

#[test]
fn a_listener_is_usable_after_its_accepters_were_cancelled() {
    on_workers(|_| {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let accepters: Vec<_> =
            (0..50).map(|_| go!(clone(listener) => { listener.accept().map(|_| ()) })).collect();
        settle();
        accepters.iter().for_each(JoinHandle::cancel);
        accepters.into_iter().for_each(assert_cancelled);
        let accepter = go!(clone(listener) => { listener.accept().map(|(stream, _)| stream) });
        settle();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"x").unwrap();
        accepter.wait().unwrap().read_exact(&mut [0]).unwrap();
    });
}

#[test]
fn a_stream_is_usable_after_its_writers_were_cancelled() {
    on_workers(|_| {
        let (client, server) = pair();
        let client = Arc::new(client);
        let sent = fill(&client);
        let writers: Vec<_> =
            (0..50).map(|_| go!(clone(client) => { (&*client).write(b"no") })).collect();
        settle();
        writers.iter().for_each(JoinHandle::cancel);
        let mut extra = 0;
        for writer in writers {
            match writer.join() {
                // The kernel may have found room for one more.
                Ok(count) => extra += count.unwrap(),
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
        let last = go!({ (&*client).write_all(b"last") });
        settle();
        let mut all = Vec::new();
        (&server).read_to_end(&mut all).unwrap();
        last.wait().unwrap();
        assert_eq!(all.len(), sent + extra + 4);
        assert!(all.ends_with(b"last"));
    });
}

/// What `io` returned in a destructor of a cancelled task.
fn in_a_destructor<T: Send + 'static>(
    io: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::channel();
    let (begun, is_begun) = mpsc::channel();
    let task = go!({
        let _guard = on_drop(move || sender.send(io()).unwrap());
        begun.send(()).unwrap();
        sleep(NEVER);
    });
    until(|| is_begun.try_recv().is_ok());
    settle();
    task.cancel();
    assert_cancelled(task);
    receiver.recv().unwrap()
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: io::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other, "{error}");
    assert!(error.get_ref().unwrap().is::<Cancelled>(), "{error}");
}

#[test]
fn in_destructors_io_fails_where_it_would_wait() {
    on_workers(|_| {
        let (client, server) = pair();
        let (reading, writing) = (client.try_clone().unwrap(), client.try_clone().unwrap());
        assert_refused(in_a_destructor(move || (&reading).read(&mut [0; 8])));
        fill(&writing);
        assert_refused(in_a_destructor(move || (&writing).write_all(&[0; 1 << 22])));
        let reading = client.try_clone().unwrap();
        assert_refused(in_a_destructor(move || reading.wait_readable()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_refused(in_a_destructor(move || listener.accept().map(|_| ())));
        drop(server);
    });
}

#[test]
fn in_destructors_io_is_tried_first() {
    on_workers(|_| {
        let (mut client, mut server) = pair();
        client.write_all(b"there").unwrap();
        server.wait_readable().unwrap();
        let reading = server.try_clone().unwrap();
        let read = in_a_destructor(move || {
            let mut buf = [0; 8];
            let count = (&reading).read(&mut buf)?;
            Ok(buf[..count].to_vec())
        });
        assert_eq!(read.unwrap(), b"there");
        // std's `BufWriter` flushes when it is dropped: nothing is lost.
        let writing = server.try_clone().unwrap();
        let (begun, is_begun) = mpsc::channel();
        let task = go!({
            let mut buffered = BufWriter::new(&writing);
            buffered.write_all(b"kept").unwrap();
            begun.send(()).unwrap();
            sleep(NEVER);
        });
        until(|| is_begun.try_recv().is_ok());
        task.cancel();
        assert_cancelled(task);
        let mut text = [0; 4];
        client.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"kept");
        server.write_all(b"on").unwrap();
        client.read_exact(&mut [0; 2]).unwrap();
    });
}

#[test]
fn a_cancel_that_comes_while_a_destructor_waits_for_io() {
    // It panics first, waits in a destructor, and only then is cancelled.
    on_workers(|_| {
        let (_client, server) = pair();
        let (sender, receiver) = mpsc::channel();
        let (begun, is_begun) = mpsc::channel();
        let task = go!({
            let _guard = on_drop(move || {
                begun.send(()).unwrap();
                sender.send((&server).read(&mut [0; 8])).unwrap();
            });
            panic!("first")
        });
        let _: &JoinHandle<()> = &task;
        until(|| is_begun.try_recv().is_ok());
        settle();
        assert!(!task.is_finished());
        task.cancel();
        assert!(task.join().unwrap_err().is_panic());
        assert_refused(receiver.recv().unwrap());
    });
}

#[test]
fn an_uncancelled_tasks_destructor_waits_for_io() {
    on_workers(|_| {
        let (mut client, server) = pair();
        let (sender, receiver) = mpsc::channel();
        let task = go!({
            let _guard = on_drop(move || sender.send((&server).read(&mut [0; 8])).unwrap());
            panic!("first")
        });
        let _: &JoinHandle<()> = &task;
        settle();
        client.write_all(b"abc").unwrap();
        assert!(task.join().unwrap_err().is_panic());
        assert_eq!(receiver.recv().unwrap().unwrap(), 3);
    });
}

/// The closure of a task that was cancelled before its start is dropped as if it had been unwound.
#[test]
fn a_closure_that_never_ran_follows_the_destructors_rule() {
    // Of one worker: nobody is there to start it before the cancel.
    bounded(|| {
        with_workers(1).run(|| {
            let (client, mut server) = pair();
            let (tell, told) = channel::unbounded();
            let guard = on_drop(move || {
                sleep(SOON);
                let refused = |error: io::Error| error.get_ref().unwrap().is::<Cancelled>();
                tell.send((&client).read(&mut [0]).map_err(refused)).unwrap();
                let mut byte = [0];
                tell.send(task::shield(|| (&client).read(&mut byte)).map_err(refused)).unwrap();
            });
            let task = go!({ drop(guard) });
            task.cancel();
            assert_eq!(told.recv().unwrap(), Err(true));
            settle();
            assert!(told.is_empty(), "under a shield it waits");
            server.write_all(b"x").unwrap();
            assert_eq!(told.recv().unwrap(), Ok(1));
            assert_cancelled(task);
        });
    });
}
