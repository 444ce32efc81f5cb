//! What is written comes out at the other side, by every trait, on every kind of stream.

use crate::{Work, by_all, connected};
use futures_lite::future::zip;
use gocoro::io::{self, Pollable};
use gocoro::net::unix::UnixStream;
use gocoro::process::Command;
use std::process::Stdio;

/// More than what any stream holds by itself, so that both sides have to wait for each other.
fn much() -> Vec<u8> {
    (0..3_000_017_u32).map(|at| (at ^ (at >> 8)) as u8).collect()
}

fn pollables()
-> (Pollable<std::os::unix::net::UnixStream>, Pollable<std::os::unix::net::UnixStream>) {
    let (one, two) = std::os::unix::net::UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    two.set_nonblocking(true).unwrap();
    (Pollable::new(one).unwrap(), Pollable::new(two).unwrap())
}

mod by_tokio {
    use super::*;
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, split};

    fn echo<S: AsyncRead + AsyncWrite + Send + 'static>((one, two): (S, S)) -> Work {
        Box::pin(async {
            let sent = much();
            let (mut reader, mut writer) = split(one);
            let writing = async {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let echoing = async {
                let (mut reader, mut writer) = split(two);
                assert_eq!(copy(&mut reader, &mut writer).await.unwrap(), sent.len() as u64);
                writer.shutdown().await.unwrap();
            };
            let mut received = Vec::new();
            let reading = reader.read_to_end(&mut received);
            let (read, ((), ())) = zip(reading, zip(writing, echoing)).await;
            assert_eq!(read.unwrap(), sent.len());
            assert!(received == sent);
        })
    }

    #[test]
    fn sockets_echo() {
        by_all(|| echo(connected()));
        by_all(|| echo(UnixStream::pair().unwrap()));
    }

    #[test]
    fn descriptors_of_others_echo() {
        by_all(|| echo(pollables()));
    }

    #[test]
    fn pipes_carry() {
        by_all(|| {
            Box::pin(async {
                let (mut reader, mut writer) = io::pipe().unwrap();
                let sent = much();
                let writing = async {
                    writer.write_all(&sent).await.unwrap();
                    writer.shutdown().await.unwrap();
                    drop(writer); // a pipe ends with its last writer
                };
                let mut received = Vec::new();
                zip(writing, reader.read_to_end(&mut received)).await.1.unwrap();
                assert!(received == sent);
            })
        });
    }

    #[test]
    fn children_talk() {
        by_all(|| {
            Box::pin(async {
                let mut command = Command::new("sh");
                command.args(["-c", "cat; echo end >&2"]);
                for set in [Command::stdin, Command::stdout, Command::stderr] {
                    set(&mut command, Stdio::piped());
                }
                let mut child = command.spawn().unwrap();
                let (mut stdin, mut stdout, mut stderr) = (
                    child.stdin.take().unwrap(),
                    child.stdout.take().unwrap(),
                    child.stderr.take().unwrap(),
                );
                let sent = much();
                let writing = async {
                    stdin.write_all(&sent).await.unwrap();
                    drop(stdin);
                };
                let (mut output, mut errors) = (Vec::new(), String::new());
                zip(writing, stdout.read_to_end(&mut output)).await.1.unwrap();
                stderr.read_to_string(&mut errors).await.unwrap();
                assert!(output == sent);
                assert_eq!(errors, "end\n");
                assert!(child.wait().unwrap().success());
            })
        });
    }

    #[test]
    fn several_buffers_are_written_at_once() {
        by_all(|| {
            Box::pin(async {
                let (mut one, mut two) = connected();
                assert!(one.is_write_vectored());
                let bufs = [&b"ab"[..], b"", b"cde"].map(std::io::IoSlice::new);
                assert_eq!(one.write_vectored(&bufs).await.unwrap(), 5);
                let mut buf = [0; 5];
                assert_eq!(AsyncReadExt::read_exact(&mut two, &mut buf).await.unwrap(), 5);
                assert_eq!(&buf, b"abcde");
            })
        });
    }
}

mod by_futures {
    use super::*;
    use futures_lite::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy};

    /// Both halves of each side are references to one stream.
    fn echo<S: Send + Sync + 'static>((one, two): (S, S)) -> Work
    where
        for<'a> &'a S: AsyncRead + AsyncWrite + Unpin,
    {
        Box::pin(async move {
            let sent = much();
            let writing = async {
                (&one).write_all(&sent).await.unwrap();
                (&one).close().await.unwrap();
            };
            let echoing = async {
                assert_eq!(copy(&two, &mut &two).await.unwrap(), sent.len() as u64);
                (&two).close().await.unwrap();
            };
            let mut received = Vec::new();
            let mut reader = &one;
            let reading = reader.read_to_end(&mut received);
            zip(reading, zip(writing, echoing)).await.0.unwrap();
            assert!(received == sent);
        })
    }

    #[test]
    fn sockets_echo() {
        by_all(|| echo(connected()));
        by_all(|| echo(UnixStream::pair().unwrap()));
    }

    #[test]
    fn descriptors_of_others_echo() {
        by_all(|| echo(pollables()));
    }

    #[test]
    fn pipes_carry() {
        by_all(|| {
            Box::pin(async {
                let (reader, writer) = io::pipe().unwrap();
                let sent = much();
                let writing = async {
                    (&writer).write_all(&sent).await.unwrap();
                    (&writer).close().await.unwrap();
                    drop(writer);
                };
                let mut received = Vec::new();
                let mut reader = &reader;
                zip(writing, reader.read_to_end(&mut received)).await.1.unwrap();
                assert!(received == sent);
            })
        });
    }
}

mod by_hyper {
    use super::*;
    use gocoro::net::TcpStream;
    use hyper::rt::{Read, ReadBuf, Write};
    use std::future::poll_fn;
    use std::mem::MaybeUninit;
    use std::pin::Pin;

    async fn read(stream: &mut TcpStream, room: usize) -> Vec<u8> {
        let mut bytes = vec![MaybeUninit::uninit(); room];
        let mut buf = ReadBuf::uninit(&mut bytes);
        poll_fn(|context| Pin::new(&mut *stream).poll_read(context, buf.unfilled())).await.unwrap();
        buf.filled().to_vec()
    }

    /// A read fills no more than the room that there is, behind what is filled.
    #[test]
    fn buffers_are_filled_up() {
        by_all(|| {
            Box::pin(async {
                let (mut one, mut two) = connected();
                let bufs = [&b"abc"[..], b"defgh"].map(std::io::IoSlice::new);
                assert!(one.is_write_vectored());
                let written =
                    poll_fn(|context| Pin::new(&mut one).poll_write_vectored(context, &bufs)).await;
                assert_eq!(written.unwrap(), 8);
                assert_eq!(read(&mut two, 0).await, b"");
                assert_eq!(read(&mut two, 3).await, b"abc");

                let mut bytes = [MaybeUninit::uninit(); 4];
                let mut buf = ReadBuf::uninit(&mut bytes);
                buf.unfilled().put_slice(b"<>");
                poll_fn(|context| Pin::new(&mut two).poll_read(context, buf.unfilled()))
                    .await
                    .unwrap();
                assert_eq!(buf.filled(), b"<>de");

                poll_fn(|context| Pin::new(&mut one).poll_shutdown(context)).await.unwrap();
                assert_eq!(read(&mut two, 100_000).await, b"fgh");
                assert_eq!(read(&mut two, 100_000).await, b"");
            })
        });
    }

    #[test]
    fn much_is_carried() {
        by_all(|| {
            Box::pin(async {
                let (mut one, mut two) = connected();
                let sent = much();
                let writing = async {
                    let mut left = &sent[..];
                    while !left.is_empty() {
                        let written =
                            poll_fn(|context| Pin::new(&mut one).poll_write(context, left)).await;
                        left = &left[written.unwrap()..];
                    }
                };
                let reading = async {
                    let mut received = Vec::new();
                    while received.len() < sent.len() {
                        received.extend(read(&mut two, 1 << 20).await);
                    }
                    received
                };
                assert!(zip(writing, reading).await.1 == sent);
            })
        });
    }
}
