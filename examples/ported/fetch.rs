// fetch: gets documents by HTTP, many at a time.
//
//     fetch [-d FOLDER] [-t SECONDS] URL...
//
// -d  writes the documents into a folder, named 1, 2, 3 …, and not to standard output
// -t  how long a server may keep silent, 10 by default
//
// Each document is fetched by a thread of its own, and reported on standard error in the order of
// the arguments. The program fails if a document is missing.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

const REDIRECTS_MAX: usize = 5;
/// Bounds a line of a response's head, and with [`HEADERS_MAX`] all of it.
const LINE_BYTES_MAX: u64 = 8 * 1024;
const HEADERS_MAX: usize = 100;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

struct Url<'a> {
    authority: &'a str,
    path: &'a str,
}

impl<'a> Url<'a> {
    fn parse(url: &'a str) -> Result<Self> {
        let rest = url.strip_prefix("http://").ok_or("not an address of http")?;
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.is_empty() {
            return Err("no host".into());
        }
        Ok(Self { authority, path: if path.is_empty() { "/" } else { path } })
    }

    /// The first of the host's addresses that answers.
    fn connect(&self, timeout: Duration) -> io::Result<TcpStream> {
        let (_, port) = self.authority.rsplit_once(':').unwrap_or(("", ""));
        let with_port = if port.parse::<u16>().is_ok() { "" } else { ":80" };
        let mut failure = io::Error::new(ErrorKind::NotFound, "the host has no address");
        for address in format!("{}{with_port}", self.authority).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => return Ok(stream),
                Err(e) => failure = e,
            }
        }
        Err(failure)
    }
}

struct Response {
    status: u16,
    reason: String,
    location: Option<String>,
    body: Vec<u8>,
}

fn read_line(input: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    input.take(LINE_BYTES_MAX).read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(whole) => Ok(whole.trim_end().to_owned()),
        None => Err("the response is cut short".into()),
    }
}

fn read_chunked(input: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(input)?;
        let length = u64::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16)?;
        if length == 0 {
            while !read_line(input)?.is_empty() {}
            return Ok(body);
        }
        read_exactly(input, length, &mut body)?;
        read_line(input)?;
    }
}

fn read_exactly(input: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> Result<()> {
    if input.take(length).read_to_end(body)? as u64 == length {
        Ok(())
    } else {
        Err("the response is cut short".into())
    }
}

fn request(url: &Url<'_>, timeout: Duration) -> Result<Response> {
    let mut stream = url.connect(timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    write!(
        stream,
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: fetch\r\nConnection: close\r\n\r\n",
        url.path, url.authority
    )?;

    let mut input = BufReader::new(stream);
    let head = read_line(&mut input)?;
    let mut words = head.splitn(3, ' ');
    if !words.next().is_some_and(|version| version.starts_with("HTTP/1.")) {
        return Err("the server does not speak HTTP/1".into());
    }
    let status = words.next().unwrap_or("").parse()?;
    let reason = words.next().unwrap_or("").to_owned();

    let (mut length, mut chunked, mut location) = (None, false, None);
    for count in 0.. {
        let line = read_line(&mut input)?;
        if line.is_empty() {
            break;
        }
        if count == HEADERS_MAX {
            return Err("too many headers".into());
        }
        let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.parse::<u64>()?),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "location" => location = Some(value.to_owned()),
            _ => {}
        }
    }

    let mut body = Vec::new();
    match length {
        _ if chunked => body = read_chunked(&mut input)?,
        Some(length) => read_exactly(&mut input, length, &mut body)?,
        None => drop(input.read_to_end(&mut body)?),
    }
    Ok(Response { status, reason, location, body })
}

fn fetch(url: &str, timeout: Duration) -> Result<Vec<u8>> {
    let mut target = url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        let url = Url::parse(&target)?;
        let response = request(&url, timeout)?;
        target = match (response.status, response.location) {
            (200..=299, _) => return Ok(response.body),
            (300..=399, Some(path)) if path.starts_with('/') => {
                format!("http://{}{path}", url.authority)
            }
            (300..=399, Some(whole)) => whole,
            (status, _) => return Err(format!("{status} {}", response.reason).into()),
        };
    }
    Err("redirected too often".into())
}

fn main() -> Result<ExitCode> {
    let (mut folder, mut timeout, mut urls) = (None, Duration::from_secs(10), Vec::new());
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-d" => folder = Some(args.next().ok_or("-d needs a folder")?),
            "-t" => {
                timeout = Duration::from_secs_f64(args.next().ok_or("-t needs a time")?.parse()?)
            }
            _ => urls.push(arg),
        }
    }
    if let Some(folder) = &folder {
        fs::create_dir_all(folder)?;
    }

    thread::scope(|s| {
        let fetches: Vec<_> = urls.iter().map(|url| s.spawn(move || fetch(url, timeout))).collect();
        let mut code = ExitCode::SUCCESS;
        for (number, (url, fetch)) in (1..).zip(urls.iter().zip(fetches)) {
            match fetch.join().expect("a fetch does not panic") {
                Ok(body) => {
                    eprintln!("{url}: {} bytes", body.len());
                    match &folder {
                        Some(folder) => {
                            fs::write(Path::new(folder).join(number.to_string()), body)?
                        }
                        None => io::stdout().write_all(&body)?,
                    }
                }
                Err(e) => {
                    eprintln!("{url}: {e}");
                    code = ExitCode::FAILURE;
                }
            }
        }
        Ok(code)
    })
}
