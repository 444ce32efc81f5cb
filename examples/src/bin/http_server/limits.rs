//! Every bound of the server, by name, with its reason.

use std::time::Duration;

/// First size of a connection's read buffer. A browser's request is 500–2 000 bytes, sixteen small
/// pipelined ones fit as well; most connections never need more.
pub(crate) const READ_BYTES: usize = 4 * 1024;

/// The most bytes of a request line and headers together. The read buffer never grows beyond that.
/// Common servers take 8 or 16 KiB; large cookies need more than 4. Beyond it: 414 for a request
/// line, else 431.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The most headers of one request. Browsers send about 20, proxies add some. Beyond it: 431.
pub(crate) const HEADERS_MAX: usize = 64;

/// The most bytes of a request's body. `/echo` holds the body in memory, so this is also what one
/// client can make a connection cost. Beyond it: 413.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The most bytes of a chunk's size line with its extensions. Sixteen digits are the most that
/// count. Extensions are ignored, so there is no reason to take long ones. Beyond it: 400.
pub(crate) const CHUNK_LINE_BYTES_MAX: usize = 256;

/// The most bytes of trailers after the last chunk. They are ignored, so they may be short. Beyond
/// it: 431.
pub(crate) const TRAILER_BYTES_MAX: usize = 4 * 1024;

/// Answers are written when they are this many bytes, even if more requests wait in the buffer.
/// This bounds the memory of a client that pipelines without end.
pub(crate) const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// How long a connection may stay without a request, from the last answer on, unless the command
/// line says otherwise. Line ends between requests do not extend it. It is longer than a proxy's or
/// browser's usual pause between two requests; a waiting connection costs a descriptor and a few
/// KiB. After it, the connection is closed without a word.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// The time from the first byte of a request to the end of its head. There is one deadline for all
/// of the head, so sending a byte now and then does not extend it. After it: 408.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The time from the end of the head to the end of the body: a body of full size at 35 KiB/s. After
/// it: 408.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The time for one batch of answers to leave. A client that doesn't read holds memory. After it,
/// the connection is closed.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// After an error is answered, what the client still sends is read and thrown away for this long:
/// closing at once would send a reset that can destroy the answer before it is read.
pub(crate) const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// The most bytes that are thrown away while lingering. A body of permitted size gets through; a
/// flood does not.
pub(crate) const LINGER_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;

/// The pause between two reports that `accept` fails. Clients can bring that about as often as they
/// like, and a log has an end too.
pub(crate) const REPORT_PAUSE: Duration = Duration::from_secs(10);

const _: () = assert!(READ_BYTES <= HEAD_BYTES_MAX);
const _: () = assert!(CHUNK_LINE_BYTES_MAX < READ_BYTES && TRAILER_BYTES_MAX <= HEAD_BYTES_MAX);
