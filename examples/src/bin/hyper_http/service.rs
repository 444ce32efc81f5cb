//! What the server answers, whatever the protocol.

use bytes::Bytes;
use gocoro::channel::{self, Sender, oneshot};
use gocoro::{future, go, time};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use std::convert::Infallible;
use std::time::Duration;

/// The longest body that is echoed.
const BODY_MAX: usize = 1 << 20;
/// The longest sleep that may be asked for.
const SLEEP_MAX: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct Service {
    /// To the task that counts visits, which answers each question.
    visits: Sender<oneshot::Sender<u64>>,
}

fn says(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::new(Full::new(text.into()))
}

fn fails(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = says(format!("{status}\n"));
    *response.status_mut() = status;
    response
}

impl Service {
    /// Starts what stands behind the handlers.
    pub(crate) fn start() -> Service {
        let (visits, questions) = channel::bounded::<oneshot::Sender<u64>>(16);
        go!(daemon => {
            for (count, answer) in (1..).zip(&questions) {
                let _ = answer.send(count); // whoever has asked may be gone
            }
        });
        Service { visits }
    }

    /// hyper polls this: in the request's task with HTTP/2, in the connection's with HTTP/1.
    pub(crate) async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path();
        Ok(match (request.method(), path.trim_start_matches('/')) {
            (&Method::GET, "") => says("Hello, World!"),
            (&Method::GET, "visits") => self.count(),
            (&Method::GET, path) if path.starts_with("sleep/") => sleep(&path["sleep/".len()..]),
            (&Method::POST, "echo") => match go!(echo(request.into_body())).await {
                Ok(response) => response,
                Err(e) => {
                    eprintln!("echo: {e}");
                    fails(StatusCode::INTERNAL_SERVER_ERROR)
                }
            },
            _ => fails(StatusCode::NOT_FOUND),
        })
    }

    /// Plain code that waits for other tasks, in the middle of hyper's poll.
    fn count(&self) -> Response<Full<Bytes>> {
        let (question, answer) = oneshot();
        match self.visits.send(question).ok().and_then(|()| answer.recv().ok()) {
            Some(count) => says(count.to_string()),
            None => fails(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// Plain code that sleeps, in the middle of hyper's poll.
fn sleep(millis: &str) -> Response<Full<Bytes>> {
    match millis.parse().map(Duration::from_millis) {
        Ok(time) if time <= SLEEP_MAX => {
            time::sleep(time);
            says(format!("{millis} ms"))
        }
        _ => fails(StatusCode::BAD_REQUEST),
    }
}

/// Plain code that waits for the request's body, which the connection's task brings: so this is run
/// in a task of its own.
fn echo(body: Incoming) -> Response<Full<Bytes>> {
    match future::wait(Limited::new(body, BODY_MAX).collect()) {
        Ok(body) => says(body.to_bytes()),
        Err(e) if e.is::<http_body_util::LengthLimitError>() => {
            fails(StatusCode::PAYLOAD_TOO_LARGE)
        }
        Err(_) => fails(StatusCode::BAD_REQUEST),
    }
}
