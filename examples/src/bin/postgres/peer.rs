//! The other side of the self-test: as much of PostgreSQL's protocol, version 3, as the client
//! uses, and as much of a database as the statements below need.

use gocoro::channel::{Receiver, Sender, bounded};
use gocoro::net::{TcpListener, TcpStream};
use gocoro::sync::{Arc, Mutex};
use gocoro::{go, io};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::time::Duration;

pub(crate) const CREATE: &str = "CREATE TEMPORARY TABLE accounts \
     (owner text PRIMARY KEY, cents int4 NOT NULL CHECK (cents >= 0))";
pub(crate) const OPEN: &str = "INSERT INTO accounts VALUES ($1, $2)";
pub(crate) const ADD: &str = "UPDATE accounts SET cents = cents + $1 WHERE owner = $2";
pub(crate) const LIST: &str = "SELECT owner, cents FROM accounts ORDER BY owner";
pub(crate) const DOUBLE: &str = "SELECT 2 * $1::int4";
pub(crate) const SLEEP: &str = "SELECT pg_sleep(60)";
/// Only this peer knows it: it ends the connection.
pub(crate) const HANG_UP: &str = "HANG UP";

/// The types of parameters and columns, by their numbers in PostgreSQL.
const INT4: i32 = 23;
const TEXT: i32 = 25;
const VOID: i32 = 2278;

/// Versions that clients begin with.
const PROTOCOL: i32 = 3 << 16;
const CANCEL: i32 = 80_877_102;

/// The longest message that is accepted.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

#[derive(Default)]
pub(crate) struct Peer {
    /// By which sleeping connections are woken, each with its secret.
    sleepers: Mutex<HashMap<(i32, i32), Sender<()>>>,
}

impl Peer {
    pub(crate) fn serve(self: Arc<Self>, listener: TcpListener) {
        for (number, stream) in (1..).zip(listener.into_incoming()) {
            let peer = self.clone();
            go!(daemon => {
                if let Err(e) = stream.and_then(|stream| peer.converse(stream, number)) {
                    eprintln!("peer: {e}");
                }
            });
        }
    }

    fn converse(&self, stream: TcpStream, number: i32) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut input = BufReader::new(&stream);
        let body = read_body(&mut input)?;
        let mut start = Body(&body);
        match start.int()? {
            PROTOCOL => {}
            CANCEL => {
                let key = (start.int()?, start.int()?);
                if let Some(sleeper) = self.sleepers.lock().unwrap().get(&key) {
                    let _ = sleeper.try_send(()); // a second request changes nothing
                }
                return Ok(());
            }
            version => return Err(broken(&format!("a client of version {version}"))),
        }
        let key = (number, number ^ 0x5ec2e7);
        let (sender, woken) = bounded(1);
        self.sleepers.lock().unwrap().insert(key, sender);
        let session = Session {
            stream: &stream,
            out: vec![],
            woken,
            statements: HashMap::new(),
            bound: None,
            accounts: None,
            before: None,
            status: b'I',
            is_skipping: false,
        };
        let ended = session.run(&mut input, key);
        self.sleepers.lock().unwrap().remove(&key);
        ended
    }
}

/// Why a statement fails: PostgreSQL's code, and a text.
type Refused = (&'static str, &'static str);

/// What a statement comes to.
#[derive(Default)]
struct Done {
    rows: Vec<Vec<Vec<u8>>>,
    tag: String,
}

impl Done {
    fn tag(tag: impl Into<String>) -> Result<Done, Refused> {
        Ok(Done { rows: vec![], tag: tag.into() })
    }

    fn rows(rows: Vec<Vec<Vec<u8>>>) -> Result<Done, Refused> {
        Ok(Done { tag: format!("SELECT {}", rows.len()), rows })
    }
}

struct Session<'a> {
    stream: &'a TcpStream,
    /// Messages to the client that were not sent yet.
    out: Vec<u8>,
    woken: Receiver<()>,
    statements: HashMap<String, String>,
    /// The statement and the parameters that are to be executed.
    bound: Option<(String, Vec<Vec<u8>>)>,
    accounts: Option<BTreeMap<String, i32>>,
    /// The accounts as the open transaction has found them.
    before: Option<BTreeMap<String, i32>>,
    /// `I`, or `T` in a transaction, or `E` in one that has failed.
    status: u8,
    /// After an error, until the client's next synchronisation.
    is_skipping: bool,
}

impl Session<'_> {
    fn run(mut self, input: &mut impl Read, key: (i32, i32)) -> io::Result<()> {
        self.send(b'R', |body| body.int(0)); // no password
        self.send(b'S', |body| body.text("client_encoding").text("UTF8"));
        self.send(b'K', |body| body.int(key.0).int(key.1));
        self.ready()?;
        loop {
            let mut kind = [0];
            if input.read(&mut kind)? == 0 {
                return Ok(());
            }
            let body = read_body(input)?;
            let mut body = Body(&body);
            match kind[0] {
                b'X' => return Ok(()),
                b'Q' => {
                    let sql = body.text()?;
                    if sql == HANG_UP {
                        return Ok(());
                    }
                    self.simple(&sql);
                    self.ready()?;
                }
                b'S' => {
                    self.is_skipping = false;
                    self.ready()?;
                }
                _ if self.is_skipping => {}
                kind => {
                    if let Err(refused) = self.extended(kind, &mut body)? {
                        self.refuse(refused);
                        self.is_skipping = true;
                    }
                }
            }
        }
    }

    fn simple(&mut self, sql: &str) {
        match self.execute(sql, &[]) {
            Ok(done) => {
                if let Some((_, columns)) =
                    described(sql).filter(|(_, columns)| !columns.is_empty())
                {
                    self.describe(columns);
                }
                self.answer(done);
            }
            Err(refused) => self.refuse(refused),
        }
    }

    /// A message of a prepared statement's life.
    fn extended(&mut self, kind: u8, body: &mut Body<'_>) -> io::Result<Result<(), Refused>> {
        match kind {
            b'P' => {
                let (name, sql) = (body.text()?, body.text()?);
                if described(&sql).is_none() {
                    return Ok(Err(("42601", "this peer does not know the statement")));
                }
                self.statements.insert(name, sql);
                self.send(b'1', |body| body);
            }
            b'D' if body.take(1)? == b"S" => {
                let name = body.text()?;
                let sql = self.statements.get(&name).map_or("", String::as_str);
                let Some((parameters, columns)) = described(sql) else {
                    return Ok(Err(("26000", "there is no such statement")));
                };
                self.send(b't', |body| {
                    parameters.iter().fold(body.short(parameters.len()), |body, p| body.int(*p))
                });
                match columns {
                    [] => self.send(b'n', |body| body),
                    columns => self.describe(columns),
                }
            }
            b'B' => {
                let (_portal, name) = (body.text()?, body.text()?);
                for _ in 0..body.short()? {
                    body.short()?; // the formats: all are binary
                }
                let mut parameters = vec![];
                for _ in 0..body.short()? {
                    let length = body.int()?;
                    let length = usize::try_from(length).map_err(|_| broken("a null"))?;
                    parameters.push(body.take(length)?.to_vec());
                }
                let Some(sql) = self.statements.get(&name) else {
                    return Ok(Err(("26000", "there is no such statement")));
                };
                self.bound = Some((sql.clone(), parameters));
                self.send(b'2', |body| body);
            }
            b'E' => {
                let Some((sql, parameters)) = self.bound.take() else {
                    return Ok(Err(("34000", "there is no such portal")));
                };
                match self.execute(&sql, &parameters) {
                    Ok(done) => self.answer(done),
                    Err(refused) => return Ok(Err(refused)),
                }
            }
            b'C' => {
                body.take(1)?;
                self.statements.remove(&body.text()?);
                self.send(b'3', |body| body);
            }
            kind => return Err(broken(&format!("a message of kind {:?}", char::from(kind)))),
        }
        Ok(Ok(()))
    }

    fn execute(&mut self, sql: &str, parameters: &[Vec<u8>]) -> Result<Done, Refused> {
        if self.status == b'E' && sql != "ROLLBACK" && sql != "COMMIT" {
            return Err(("25P02", "the transaction has failed, and does nothing any more"));
        }
        let number = |i: usize| {
            let bytes = parameters.get(i).and_then(|p| p.as_slice().try_into().ok());
            bytes.map(i32::from_be_bytes).ok_or(("08P01", "this is no int4"))
        };
        let text = |i: usize| {
            let bytes = parameters.get(i).cloned();
            bytes.and_then(|b| String::from_utf8(b).ok()).ok_or(("08P01", "this is no text"))
        };
        const MISSING: Refused = ("42P01", "there is no such table");
        match sql {
            "START TRANSACTION" => {
                (self.before, self.status) = (self.accounts.clone(), b'T');
                Done::tag(sql)
            }
            "COMMIT" if self.status == b'T' => {
                self.status = b'I';
                Done::tag(sql)
            }
            "COMMIT" | "ROLLBACK" => {
                if self.status != b'I' {
                    (self.accounts, self.status) = (self.before.take(), b'I');
                }
                Done::tag("ROLLBACK")
            }
            CREATE => {
                self.accounts = Some(BTreeMap::new());
                Done::tag("CREATE TABLE")
            }
            OPEN => {
                let accounts = self.accounts.as_mut().ok_or(MISSING)?;
                accounts.insert(text(0)?, number(1)?);
                Done::tag("INSERT 0 1")
            }
            ADD => {
                let accounts = self.accounts.as_mut().ok_or(MISSING)?;
                let Some(cents) = accounts.get_mut(&text(1)?) else { return Done::tag("UPDATE 0") };
                let new = cents.checked_add(number(0)?).ok_or(("22003", "integer out of range"))?;
                if new < 0 {
                    return Err(("23514", "a row violates the check of the table"));
                }
                *cents = new;
                Done::tag("UPDATE 1")
            }
            LIST => {
                let accounts = self.accounts.as_ref().ok_or(MISSING)?;
                let row = |(owner, cents): (&String, &i32)| {
                    vec![owner.clone().into_bytes(), cents.to_be_bytes().to_vec()]
                };
                Done::rows(accounts.iter().map(row).collect())
            }
            DOUBLE => {
                let twice = number(0)?.checked_mul(2).ok_or(("22003", "integer out of range"))?;
                Done::rows(vec![vec![twice.to_be_bytes().to_vec()]])
            }
            SLEEP => {
                while self.woken.try_recv().is_ok() {} // a request that came too late for another
                match self.woken.recv_timeout(Duration::from_secs(60)) {
                    Ok(()) => Err(("57014", "canceling statement due to user request")),
                    Err(_) => Done::rows(vec![vec![vec![]]]),
                }
            }
            _ => Err(("42601", "this peer does not know the statement")),
        }
    }

    fn answer(&mut self, done: Done) {
        for row in done.rows {
            self.send(b'D', |body| {
                row.iter().fold(body.short(row.len()), |body, value| body.value(value))
            });
        }
        self.send(b'C', |body| body.text(&done.tag));
    }

    fn describe(&mut self, columns: &[Column]) {
        self.send(b'T', |body| {
            columns.iter().fold(body.short(columns.len()), |body, (name, kind)| {
                // A column is of no table, and of no place in one; its type has no length and no
                // modifier; its values are binary.
                body.text(name).int(0).short(0).int(*kind).short(0).int(-1).short(1)
            })
        });
    }

    fn refuse(&mut self, (code, text): Refused) {
        self.send(b'E', |body| {
            let fields = [("S", "ERROR"), ("V", "ERROR"), ("C", code), ("M", text)];
            let body = fields.iter().fold(body, |body, (kind, value)| body.raw(kind).text(value));
            body.raw("\0")
        });
        if self.status == b'T' {
            self.status = b'E';
        }
    }

    /// Says that the next one may come, and sends all that there is.
    fn ready(&mut self) -> io::Result<()> {
        let status = self.status;
        self.send(b'Z', |mut body| {
            body.0.push(status);
            body
        });
        self.stream.write_all(&std::mem::take(&mut self.out))
    }

    fn send(&mut self, kind: u8, body: impl FnOnce(Writer) -> Writer) {
        let body = body(Writer(vec![])).0;
        self.out.push(kind);
        self.out.extend(i32::to_be_bytes(body.len() as i32 + 4));
        self.out.extend(body);
    }
}

/// A name and a type.
type Column = (&'static str, i32);

/// The types of a statement's parameters, and its columns.
fn described(sql: &str) -> Option<(&'static [i32], &'static [Column])> {
    Some(match sql {
        OPEN => (&[TEXT, INT4], &[]),
        ADD => (&[INT4, TEXT], &[]),
        LIST => (&[], &[("owner", TEXT), ("cents", INT4)]),
        DOUBLE => (&[INT4], &[("?column?", INT4)]),
        SLEEP => (&[], &[("pg_sleep", VOID)]),
        _ => return None,
    })
}

fn broken(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// A message's body, which its length precedes.
fn read_body(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
    if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
        return Err(broken("a message's length"));
    }
    let mut body = vec![0; length - 4];
    input.read_exact(&mut body)?;
    Ok(body)
}

/// What was not read of a message's body.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(taken)
    }

    fn int(&mut self) -> io::Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into().expect("so many were taken")))
    }

    fn short(&mut self) -> io::Result<i16> {
        Ok(i16::from_be_bytes(self.take(2)?.try_into().expect("so many were taken")))
    }

    fn text(&mut self) -> io::Result<String> {
        let length = self.0.iter().position(|byte| *byte == 0).ok_or(ErrorKind::UnexpectedEof)?;
        let text = self.take(length)?.to_vec();
        self.take(1)?;
        String::from_utf8(text).map_err(|_| broken("a text that is not UTF-8"))
    }
}

/// A message's body that is being made.
struct Writer(Vec<u8>);

impl Writer {
    fn raw(mut self, text: &str) -> Writer {
        self.0.extend(text.as_bytes());
        self
    }

    fn text(self, text: &str) -> Writer {
        self.raw(text).raw("\0")
    }

    fn int(mut self, value: i32) -> Writer {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn short(mut self, value: usize) -> Writer {
        self.0.extend(u16::try_from(value).expect("few enough").to_be_bytes());
        self
    }

    fn value(self, value: &[u8]) -> Writer {
        let mut writer = self.int(value.len() as i32);
        writer.0.extend(value);
        writer
    }
}
