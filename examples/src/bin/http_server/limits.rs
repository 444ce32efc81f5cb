//! Every bound of the server, by name, with its reason.

use std::time::Duration;

/// First size of a connection's read buffer. A browser's request is 500–2 000 bytes, sixteen small
/// pipelined ones fit as well; most connections never need more.
pub(crate) const READ_BYTES: usize = 4 * 1024;

/// Request line and headers together; the read buffer never grows past it. Common servers take
/// 8 or 16 KiB; large cookies need more than 4. Beyond: 414 for a request line, else 431.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Headers of one request. Browsers send about 20, proxies add some. Beyond: 431.
pub(crate) const HEADERS_MAX: usize = 64;

/// Body of one request. `/echo` holds it in memory, so this is also what one client can make a
/// connection cost. Beyond: 413.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A chunk's size line with its extensions. Sixteen digits are the most that count; extensions are
/// ignored, so there is no reason to take long ones. Beyond: 400.
pub(crate) const CHUNK_LINE_BYTES_MAX: usize = 256;

/// Trailers after the last chunk. They are ignored, so they may be short. Beyond: 431.
pub(crate) const TRAILER_BYTES_MAX: usize = 4 * 1024;

/// Answers gathered before they are written although more requests wait in the buffer: bounds the
/// memory of a client that pipelines without end.
pub(crate) const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// How long a connection may stay without a request, from the last answer on; the command line may
/// say otherwise. Line ends between requests do not extend it. Longer than a proxy's or browser's
/// usual pause between two; what waits costs a descriptor and a few KiB. Then it is closed without
/// a word.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// From the first byte of a request to the end of its head. One deadline for all of it, so sending
/// a byte now and then does not extend it. Then: 408.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// From the end of the head to the end of the body: a full-sized body at 35 KiB/s. Then: 408.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// For one batch of answers to leave. A client that doesn't read holds memory. Then: closed.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// After an error is answered, what the client still sends is read and thrown away for this long:
/// closing at once would send a reset that can destroy the answer before it is read.
pub(crate) const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// Most bytes thrown away while lingering. A body of permitted size gets through; a flood does not.
pub(crate) const LINGER_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;

/// Between two reports that `accept` fails: clients can bring that about as often as they like, and
/// a log has an end too.
pub(crate) const REPORT_PAUSE: Duration = Duration::from_secs(10);

const _: () = assert!(READ_BYTES <= HEAD_BYTES_MAX);
const _: () = assert!(CHUNK_LINE_BYTES_MAX < READ_BYTES && TRAILER_BYTES_MAX <= HEAD_BYTES_MAX);
