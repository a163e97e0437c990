//! As much of Kafka's protocol as it takes to ask a broker something. Its own tools take a second for each
//! question, and a minute when a broker is silent.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Which question, and which form of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Api {
    pub key: i16,
    pub version: i16,
}

/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// There is one question on each connection.
const CORRELATION_ID: i32 = 1;

/// Asks the broker on `port` of 127.0.0.1, on a connection of its own.
///
/// # Errors
/// It doesn't answer within `within`.
pub(crate) fn ask(port: u16, api: Api, question: Question, within: Duration) -> Result<Answer> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, within)?;
    stream.set_read_timeout(Some(within))?;
    stream.set_write_timeout(Some(within))?;
    let header = Question::default()
        .i16(api.key)
        .i16(api.version)
        .i32(CORRELATION_ID)
        .text(env!("CARGO_PKG_NAME"));
    let size = header.0.len() + question.0.len();
    let size = i32::try_from(size).map_err(|_| ErrorKind::InvalidInput)?;
    stream.write_all(&[&size.to_be_bytes(), &header.0[..], &question.0].concat())?;

    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let size = usize::try_from(i32::from_be_bytes(size)).unwrap_or(usize::MAX);
    if size > ANSWER_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidData, format!("an answer of {size} bytes")));
    }
    let mut bytes = vec![0; size];
    stream.read_exact(&mut bytes)?;
    let mut answer = Answer { bytes, at: 0 };
    if answer.i32()? != CORRELATION_ID {
        return Err(Error::new(ErrorKind::InvalidData, "an answer to another question"));
    }
    Ok(answer)
}

/// Fields of a question, in their order.
#[derive(Debug, Default)]
pub(crate) struct Question(Vec<u8>);

impl Question {
    pub(crate) fn bool(mut self, value: bool) -> Self {
        self.0.push(value.into());
        self
    }

    pub(crate) fn i16(mut self, value: i16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn i32(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// At most 32767 bytes: what is longer is cut.
    pub(crate) fn text(mut self, text: &str) -> Self {
        let length = text.len().min(i16::MAX as usize);
        self = self.i16(length as i16);
        self.0.extend(&text.as_bytes()[..length]);
        self
    }
}

/// Fields of an answer, read in their order. Each fails when the answer ends before it.
#[derive(Debug)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    at: usize,
}

impl Answer {
    fn take(&mut self, length: usize) -> Result<&[u8]> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..length));
        self.at += length;
        bytes.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| ErrorKind::UnexpectedEof.into())
    }

    pub(crate) fn bool(&mut self) -> Result<bool> {
        self.array::<1>().map(|[byte]| byte != 0)
    }

    pub(crate) fn i16(&mut self) -> Result<i16> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// Empty if it is null.
    pub(crate) fn text(&mut self) -> Result<String> {
        let length = usize::try_from(self.i16()?).unwrap_or(0);
        self.take(length).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Empty if it is null.
    pub(crate) fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.i32()?.max(0);
        (0..count).map(|_| one(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let written = Question::default().bool(true).i16(-2).text("name").i32(2).i32(7).i32(8);
        let mut answer = Answer { bytes: written.i16(-1).0, at: 0 };
        assert!(answer.bool().unwrap());
        assert_eq!(answer.i16().unwrap(), -2);
        assert_eq!(answer.text().unwrap(), "name");
        assert_eq!(answer.list(Answer::i32).unwrap(), [7, 8]);
        assert_eq!(answer.text().unwrap(), "");
        answer.bool().unwrap_err();
    }
}
