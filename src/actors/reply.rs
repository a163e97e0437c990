//! Where the answer to a send goes.

use chat_protocol::ErrorCode;
use chat_protocol::object::Durability;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::oneshot;

use super::workers::ToSession;
use crate::domain::question::Answer;
use crate::domain::session::{SessionKey, Ticket};
use crate::store::Committed;

/// The ack: what the author is told once the message is as durable as it says.
#[derive(Serialize, JsonSchema)]
pub struct Ack {
    id: chat_protocol::MessageId,
    durability: Durability,
}

/// The JSON of an ack.
pub fn ack(committed: Committed, durability: Durability) -> Vec<u8> {
    chat_protocol::json::encode(&Ack { id: committed.id, durability })
}

/// Who wants to know what became of a draft.
#[derive(Debug)]
pub enum Reply {
    Session {
        session: SessionKey,
        ticket: Ticket,
    },
    /// A REST handler.
    Waiter(oneshot::Sender<Result<Committed, ErrorCode>>),
}

impl Reply {
    /// What is told where nothing was asked of the log: it is done. A waiter waits for the log alone.
    pub fn done(self) -> Option<(SessionKey, ToSession)> {
        match self {
            Self::Waiter(_) => None,
            Self::Session { session, ticket } => {
                let answer = Ok(Answer::Data(b"{}".to_vec()));
                Some((session, ToSession::Answer { ticket, answer }))
            }
        }
    }

    /// Answers a waiter at once; for a session, gives what it must be told.
    pub fn answer(
        self,
        result: Result<Committed, ErrorCode>,
        durability: Durability,
    ) -> Option<(SessionKey, ToSession)> {
        match self {
            Self::Waiter(waiter) => {
                let _ = waiter.send(result); // the handler may have given up
                None
            }
            Self::Session { session, ticket } => {
                let answer = result.map(|committed| Answer::Data(ack(committed, durability)));
                Some((session, ToSession::Answer { ticket, answer }))
            }
        }
    }
}
