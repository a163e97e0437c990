//! Commands read from JSON. Never panics, and never allocates more than the frame is long.

use crate::client::{Command, Malformed, Requests};

/// The commands of one frame: JSON objects with white space between them.
pub struct Commands<'a> {
    frame: &'a str,
    stream: serde_json::StreamDeserializer<'a, serde_json::de::StrRead<'a>, Requests<'a>>,
    state: State,
}

#[derive(PartialEq)]
enum State {
    /// An empty frame is malformed; an empty rest is the end.
    Empty,
    Open,
    Done,
}

impl<'a> Commands<'a> {
    /// Reads `frame`. What is not UTF-8 is malformed as an empty frame is.
    pub fn new(frame: &'a [u8]) -> Self {
        let frame = std::str::from_utf8(frame).unwrap_or_default();
        let state = if frame.trim_ascii().is_empty() { State::Empty } else { State::Open };
        Self { frame, stream: serde_json::Deserializer::from_str(frame).into_iter(), state }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.unread().trim_ascii().as_bytes()
    }

    fn unread(&self) -> &'a str {
        self.frame.get(self.stream.byte_offset()..).unwrap_or_default()
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let command = match self.state {
            State::Done => return None,
            State::Empty => Err(Malformed),
            // A list of a command's fields in their order, which serde would take for one, is none.
            State::Open if self.unread().trim_ascii_start().starts_with('[') => Err(Malformed),
            State::Open => self.stream.next()?.map_err(|_| Malformed).and_then(Requests::first),
        };
        if command.is_err() {
            self.state = State::Done;
        }
        Some(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Request;
    use proptest::prelude::*;

    fn kinds(frame: &str) -> Vec<Result<(u32, &'static str), Malformed>> {
        Commands::new(frame.as_bytes())
            .map(|c| {
                c.map(|c| {
                    let kind = match c.request {
                        Request::Connect(_) => "connect",
                        Request::Subscribe(_) => "subscribe",
                        Request::Rpc(_) => "rpc",
                        Request::Send(_) => "send",
                        Request::Pong => "pong",
                        _ => "other",
                    };
                    (c.id, kind)
                })
            })
            .collect()
    }

    #[test]
    fn a_frame_holds_several_commands_in_order() {
        let frame = "{\"connect\":{\"token\":\"t\",\"name\":\"js\"},\"id\":1}\n{\"subscribe\":{\"channel\":\"room:7\",\"flag\":1},\"id\":2}\n{}";
        assert_eq!(kinds(frame), [Ok((1, "connect")), Ok((2, "subscribe")), Ok((0, "pong"))]);
    }

    #[test]
    fn what_is_malformed_ends_the_frame() {
        for bad in [
            "",
            " \n",
            "[]",
            "[1,null,null,null,null,null,null,null,null,null,{},null,null]",
            "{\"id\":1}",
            "{\"rpc\":{\"method\":\"x\"}}",
            "{\"id\":1,\"ping\":{}}",
            "{\"id\":4294967296,\"rpc\":{}}",
            "{\"id\":-1,\"rpc\":{}}",
            "{\"id\":1e400,\"rpc\":{}}",
            "{\"id\":1,\"rpc\":{\"data\":{]}}}",
        ] {
            assert_eq!(kinds(bad), [Err(Malformed)], "{bad:?}");
        }
        assert_eq!(kinds("{} nonsense {}"), [Ok((0, "pong")), Err(Malformed)]);
    }

    #[test]
    fn a_send_needs_no_id() {
        assert_eq!(kinds(r#"{"send":{"data":{"method":"m"}}}"#), [Ok((0, "send"))]);
    }

    #[test]
    fn deep_json_is_refused_or_skipped_but_never_overflows() {
        let deep = format!(
            "{{\"id\":1,\"rpc\":{{\"data\":{}{}}}}}",
            "[".repeat(50_000),
            "]".repeat(50_000)
        );
        assert_eq!(kinds(&deep).len(), 1);
    }

    proptest! {
        #[test]
        fn no_input_panics(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            let _ = Commands::new(text.as_bytes()).count() + Commands::new(&bytes).count();
        }

        #[test]
        fn no_mangled_command_panics(at in 0usize..90, byte in any::<char>()) {
            let mut frame: Vec<char> = r#"{"id":1,"subscribe":{"channel":"room:7","recover":true,"offset":42,"epoch":"x"}}"#.chars().collect();
            let at = at % frame.len();
            frame[at] = byte;
            let _ = Commands::new(frame.iter().collect::<String>().as_bytes()).count();
        }
    }
}
