//! As much of Redis's protocol as it takes to ask and to understand the answer.

use std::io::{BufRead, BufReader, Error as IoError, ErrorKind, Read, Result as IoResult, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::{Error, Result, Tried};

/// Longest wait for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// An answer. Bytes that aren't UTF-8 are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Nil,
    Int(i64),
    Text(String),
    List(Vec<Reply>),
}

impl Reply {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn list(&self) -> &[Reply] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }

    /// The value after `name` in a list of names and values.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut pairs = self.list().chunks_exact(2);
        pairs.find(|pair| pair[0].text() == Some(name)).and_then(|pair| pair[1].text())
    }
}

/// Asks the server on `port` of 127.0.0.1 one thing, on a connection of its own.
///
/// # Errors
/// Nobody answers, or with an error.
pub(crate) fn ask(port: u16, words: &[&str]) -> Result<Reply> {
    let asked = || format!("Redis on port {port} doesn't answer {}", words.join(" "));
    let answer = exchange(port, words).tried(asked)?;
    answer.map_err(|answer| Error::Refused { asked: words.join(" "), answer })
}

/// The answer, or the error that the server answered with.
fn exchange(port: u16, words: &[&str]) -> IoResult<Result<Reply, String>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(&request(words))?;
    read(&mut BufReader::new(stream))
}

fn request(words: &[&str]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        text += &format!("${}\r\n{word}\r\n", word.len());
    }
    text.into_bytes()
}

fn read(stream: &mut impl BufRead) -> IoResult<Result<Reply, String>> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let Some(line) = line.strip_suffix("\r\n").filter(|line| line.is_ascii()) else {
        return Err(IoError::from(ErrorKind::UnexpectedEof));
    };
    let Some((kind, rest)) = line.split_at_checked(1) else { return Err(nonsense(line)) };
    let number = || rest.parse::<i64>().map_err(|_| nonsense(line));
    Ok(Ok(match kind {
        "-" => return Ok(Err(rest.to_owned())),
        "+" => Reply::Text(rest.to_owned()),
        ":" => Reply::Int(number()?),
        "$" => match usize::try_from(number()?) {
            Ok(length) => Reply::Text(read_text(stream, length)?),
            Err(_) => Reply::Nil,
        },
        "*" => match usize::try_from(number()?) {
            Ok(length) => match (0..length).map(|_| read(stream)).collect::<IoResult<_>>()? {
                Ok(list) => Reply::List(list),
                Err(error) => return Ok(Err(error)),
            },
            Err(_) => Reply::Nil,
        },
        _ => return Err(nonsense(line)),
    }))
}

fn read_text(stream: &mut impl Read, length: usize) -> IoResult<String> {
    let mut text = vec![0; length + 2];
    stream.read_exact(&mut text)?;
    text.truncate(length);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn nonsense(line: &str) -> IoError {
    IoError::new(ErrorKind::InvalidData, format!("this isn't Redis: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> IoResult<Result<Reply, String>> {
        read(&mut text.as_bytes())
    }

    #[test]
    fn every_kind_of_answer_is_understood() {
        let text = |text: &str| Reply::Text(text.to_owned());
        assert_eq!(read_all("+OK\r\n").unwrap(), Ok(text("OK")));
        assert_eq!(read_all(":-7\r\n").unwrap(), Ok(Reply::Int(-7)));
        assert_eq!(read_all("$4\r\na\r\nb\r\n").unwrap(), Ok(text("a\r\nb")));
        assert_eq!(read_all("$-1\r\n").unwrap(), Ok(Reply::Nil));
        assert_eq!(read_all("-ERR no\r\n").unwrap(), Err("ERR no".to_owned()));
        let list = read_all("*3\r\n$1\r\na\r\n*-1\r\n*1\r\n:1\r\n").unwrap().unwrap();
        let inner = Reply::List(vec![Reply::Int(1)]);
        assert_eq!(list, Reply::List(vec![text("a"), Reply::Nil, inner]));
    }

    #[test]
    fn what_is_cut_off_or_no_redis_is_an_error() {
        for wrong in ["", "+O", "$4\r\na", "*2\r\n:1\r\n", "HTTP/1.1 400\r\n", "$x\r\n", "\r\n"] {
            read_all(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        let list = ["port", "1", "name", "port"].map(|text| Reply::Text(text.to_owned()));
        let list = Reply::List(list.to_vec());
        assert_eq!(list.field("name"), Some("port"));
        assert_eq!(list.field("1"), None);
    }
}
