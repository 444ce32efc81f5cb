//! A server for the self-test, which knows as much of Redis as the visitors ask for.

use gocoro::net::TcpStream;
use redis::{Parser, RedisResult};
use std::collections::HashMap;
use std::io::Write;
use std::sync::Mutex;

#[derive(Default)]
pub(crate) struct Server {
    values: Mutex<HashMap<String, String>>, // never held across a wait
}

impl Server {
    pub(crate) fn serve(&self, mut stream: TcpStream) -> RedisResult<()> {
        stream.set_nodelay(true)?;
        let mut parser = Parser::new();
        let mut queue = None;
        loop {
            let words: Vec<String> = redis::from_redis_value(parser.parse_value(&mut stream)?)?;
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let answer = match (&words[..], &mut queue) {
                (["MULTI"], _) => {
                    queue = Some((0, String::new()));
                    "+OK\r\n".to_owned()
                }
                (["EXEC"], _) => {
                    let (count, answers) = queue.take().unwrap_or_default();
                    format!("*{count}\r\n{answers}")
                }
                (words, Some((count, answers))) => {
                    *count += 1;
                    answers.push_str(&self.answer(words));
                    "+QUEUED\r\n".to_owned()
                }
                (["BLPOP", ..], None) => continue, // it would come, if somebody pushed
                (words, None) => self.answer(words),
            };
            stream.write_all(answer.as_bytes())?;
        }
    }

    fn answer(&self, words: &[&str]) -> String {
        let mut values = self.values.lock().unwrap();
        match words {
            ["SET", key, value] => {
                values.insert((*key).into(), (*value).into());
                "+OK\r\n".into()
            }
            ["GET", key] => match values.get(*key) {
                Some(value) => format!("${}\r\n{value}\r\n", value.len()),
                None => "$-1\r\n".into(),
            },
            ["DEL", keys @ ..] => {
                let gone = keys.iter().filter(|key| values.remove(**key).is_some());
                format!(":{}\r\n", gone.count())
            }
            ["INCRBY", key, by] => {
                let value = values.entry((*key).into()).or_insert_with(|| "0".into());
                let sum = value.parse().unwrap_or(0) + by.parse().unwrap_or(0_i64);
                *value = sum.to_string();
                format!(":{sum}\r\n")
            }
            _ => "-WRONGTYPE what is that?\r\n".into(),
        }
    }
}
