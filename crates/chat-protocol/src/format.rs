//! How a session's frames are encoded: the one place where formats are told apart.

use bytes::Bytes;

use crate::client::{Command, Malformed};
use crate::server::Reply;
use crate::{Publication, json, protobuf};

/// What a client and the server speak over one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    #[default]
    Json,
    Protobuf,
}

/// The commands of one frame, in order. Ends after the first malformed one; a frame without any is malformed itself.
pub enum Commands<'a> {
    Json(json::Commands<'a>),
    Protobuf(protobuf::Commands<'a>),
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Json, Self::Protobuf];

    /// The WebSocket subprotocol that it is chosen by.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "centrifuge-json",
            Self::Protobuf => "centrifuge-protobuf",
        }
    }

    /// Are its frames binary? Else they are text.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Protobuf)
    }

    /// Reads the commands of a frame.
    pub fn commands(self, frame: &[u8]) -> Commands<'_> {
        match self {
            Self::Json => Commands::Json(json::Commands::new(frame)),
            Self::Protobuf => Commands::Protobuf(protobuf::Commands::new(frame)),
        }
    }

    /// Says something to one session.
    pub fn encode(self, reply: &Reply) -> Bytes {
        match self {
            Self::Json => json::encode_reply(reply).into(),
            Self::Protobuf => protobuf::encode_reply(reply).into(),
        }
    }

    /// A publication as it is sent live.
    pub fn push(self, publication: &Publication) -> Bytes {
        match self {
            Self::Json => publication.json_push().clone(),
            Self::Protobuf => protobuf::encode_publication(publication),
        }
    }

    /// What stands between two of the above in one frame.
    pub const fn separator(self) -> &'static [u8] {
        match self {
            Self::Json => b"\n",
            Self::Protobuf => b"", // each has its length before it
        }
    }
}

impl<'a> Commands<'a> {
    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        match self {
            Self::Json(commands) => commands.rest(),
            Self::Protobuf(commands) => commands.rest(),
        }
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Json(commands) => commands.next(),
            Self::Protobuf(commands) => commands.next(),
        }
    }
}
