//! Sockets stand beside channels in a choice.

use std::io::{self, ErrorKind, Read, Write as _};
use std::os::fd::AsFd;
use std::time::Instant;

use gocoro::channel::{Sender, bounded, never};
use gocoro::net::{TcpListener, TcpStream};
use gocoro::{go, select, select_biased, time};

use crate::channel::{matrix, spawn};
use crate::support::{Colour, NEVER, SOON, on_workers, pair, settle, until};

#[test]
fn a_stream_becomes_readable() {
    matrix(|peer| {
        let (near, far) = pair();
        select! {
            readable(near) => unreachable!("nothing was written"),
            default => {}
        }
        select! {
            readable(near) => unreachable!("nothing was written"),
            default(SOON) => {}
        }
        let writing = spawn(peer, move || {
            (&far).write_all(b"x").unwrap();
            far
        });
        let (_sender, receiver) = bounded::<()>(0);
        select! {
            recv(receiver) -> _ => unreachable!("nobody sends"),
            readable(near) -> ready => ready.unwrap(),
        }
        let mut byte = [0];
        assert_eq!((&near).read(&mut byte).unwrap(), 1);
        drop(writing.wait());
        // The end is readable.
        select!(readable(&near) => assert_eq!((&near).read(&mut byte).unwrap(), 0));
    });
}

#[test]
fn a_message_wins_over_a_silent_stream() {
    matrix(|peer| {
        let (near, _far) = pair();
        let (sender, receiver) = bounded(0);
        let sending = spawn(peer, move || sender.send(1));
        select! {
            readable(near) => unreachable!("nothing was written"),
            recv(receiver) -> got => assert_eq!(got, Ok(1)),
        }
        sending.wait().unwrap();
    });
}

#[test]
fn a_listener_and_both_directions() {
    matrix(|peer| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connecting = spawn(peer, move || TcpStream::connect(address).unwrap());
        select! {
            readable(listener) => {}
            default(NEVER) => unreachable!(),
        }
        let far = listener.accept().unwrap().0;
        let near = connecting.wait();
        select! {
            readable(near) => unreachable!("nothing was written"),
            writable(near) => {}
        }
        // Full: no longer writable.
        let filling = spawn(peer, move || {
            far.set_nonblocking(true).unwrap();
            let full = |error: io::Error| assert_eq!(error.kind(), ErrorKind::WouldBlock);
            loop {
                while (&far).write(&[0; 1 << 16]).map_err(full).is_ok() {}
                select! {
                    // The other side's kernel was still taking some of it.
                    writable(far) => {}
                    default(SOON) => return far,
                }
            }
        });
        let far = filling.wait();
        let draining = spawn(peer, move || {
            let mut near = near;
            io::copy(&mut near, &mut io::sink()).unwrap()
        });
        select! {
            writable(far) => {}
            recv(never::<()>()) -> _ => unreachable!(),
        }
        drop(far);
        assert!(draining.wait() > 0);
    });
}

/// Many wait for one stream, some in a choice that something else ends.
#[test]
fn losing_arms_leave_the_stream_to_others() {
    on_workers(|_| {
        let (near, far) = pair();
        let near = std::sync::Arc::new(near);
        let (stop, stopped) = bounded::<()>(0);
        let choosing: Vec<_> = (0..4)
            .map(|_| {
                go!(clone(near, stopped) => {
                    select! {
                        readable(near) => true,
                        recv(stopped) -> _ => false,
                    }
                })
            })
            .collect();
        let reading = go!(clone(near) => { (&*near).read(&mut [0; 8]).unwrap() });
        settle();
        drop(stop);
        assert!(choosing.into_iter().all(|choice| !choice.wait()));
        (&far).write_all(b"abc").unwrap();
        assert_eq!(reading.wait(), 3);
    });
}

#[test]
fn an_io_deadline_is_kept() {
    matrix(|_| {
        let (near, _far) = pair();
        let at = Instant::now() + SOON;
        let ready = time::io_deadline(at, || {
            select! {
                readable(near) -> ready => ready,
                recv(never::<()>()) -> _ => unreachable!(),
            }
        });
        assert_eq!(ready.unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

/// A server's loop: what is read is passed on, until it is told to stop.
#[test]
fn a_loop_over_a_stream_and_a_channel() {
    fn serve(stream: &TcpStream, lines: &Sender<u8>, stop: &gocoro::channel::Receiver<()>) -> u32 {
        let mut count = 0;
        let mut byte = [0];
        loop {
            select! {
                readable(stream) => match (&*stream).read(&mut byte) {
                    Ok(1) => { lines.send(byte[0]).unwrap(); count += 1 }
                    _ => return count,
                },
                recv(stop) -> _ => return count,
            }
        }
    }
    matrix(|peer| {
        let (near, far) = pair();
        let (lines, received) = bounded(1);
        let (stop, stopped) = bounded(0);
        let serving = spawn(peer, move || serve(&near, &lines, &stopped));
        for byte in 0..50 {
            (&far).write_all(&[byte]).unwrap();
            assert_eq!(received.recv(), Ok(byte));
        }
        stop.send(()).unwrap();
        assert_eq!(serving.wait(), 50);
        until(|| true);
    });
}

/// A short read marks a stream as used up until the worker polls. A choice that does not wait asks
/// the kernel in spite of the mark.
#[test]
fn default_is_not_chosen_while_a_used_up_stream_has_more() {
    matrix(|_| {
        let (near, far) = pair();
        let arrives = |byte: u8| {
            (&far).write_all(&[byte]).unwrap();
            let theirs = std::net::TcpStream::from(near.as_fd().try_clone_to_owned().unwrap());
            assert_eq!(theirs.peek(&mut [0; 2]).unwrap(), 1);
        };
        for round in 0..3 {
            arrives(round);
            assert_eq!((&near).read(&mut [0; 8]).unwrap(), 1);
            select! {
                readable(near) => unreachable!("all was read"),
                default => {}
            }
            arrives(round);
            select! {
                readable(near) -> ready => ready.unwrap(),
                default => unreachable!("there is a byte"),
            }
            select! {
                readable(near) -> ready => ready.unwrap(),
                recv(never::<()>()) -> _ => unreachable!(),
                default => unreachable!("there is a byte"),
            }
            assert_eq!((&near).read(&mut [0; 8]).unwrap(), 1);
        }
    });
}

/// While another arm waits for a promised message, the worker may take the stream's edge from the
/// poll and find nobody; the arm that is linked then sees the stream ready all the same.
#[test]
fn a_stream_that_becomes_readable_while_a_message_is_promised_is_seen() {
    Colour::Task.run(1, || {
        let (near, far) = pair();
        // From here on the worker's poll knows the stream.
        select! {
            readable(near) => unreachable!("nothing was written"),
            default(SOON) => {}
        }
        let (sender, receiver) = bounded::<()>(0);
        let keeps = false;
        let promising = go!(clone(sender) => {
            select! {
                send(sender, {
                    (&far).write_all(b"x").unwrap();
                    settle();
                    if !keeps {
                        return far;
                    }
                }) -> _ => far,
            }
        });
        settle();
        select_biased! {
            readable(near) -> ready => ready.unwrap(),
            recv(receiver) -> _ => unreachable!("the promise is not kept"),
        }
        drop(promising.wait());
    });
}
