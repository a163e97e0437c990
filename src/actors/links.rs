//! What every room of a shard reaches.

use std::sync::Arc;

use chat_protocol::object::Durability;
use chat_protocol::{Epoch, ErrorCode, RoomId};

use super::reply::Reply;
use super::sink::Sink;
use super::store_pump::StorePump;
use super::supervisor::ActorRef;
use super::workers::{ToSession, Workers};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::domain::resume::Follows;
use crate::domain::room::{Ask, Effect};
use crate::metrics;

/// What every room of a shard needs.
pub struct Links {
    pub epoch: Epoch,
    pub follows: Follows,
    pub durability: Durability,
    pub workers: Arc<Workers>,
    pub sink: ActorRef<Sink>,
    pub bus: Arc<dyn Bus>,
    pub pump: StorePump,
    pub clock: Arc<dyn Clock>,
}

impl Links {
    /// Turns an ask down.
    pub fn refuse(&self, ask: Ask<Reply>, code: ErrorCode) {
        match ask.refuse(code) {
            Effect::Refuse { session, ticket, code } => {
                self.workers.tell(session, ToSession::Refused { ticket, code });
            }
            Effect::Answer { reply, code } => self.answer(reply, code),
            _ => {}
        }
    }

    /// Answers a send that goes no further.
    pub fn answer(&self, reply: Reply, code: ErrorCode) {
        metrics::MESSAGES_REFUSED.with_label_values(&[code.name()]).inc();
        if let Some((session, message)) = reply.answer(Err(code), self.durability) {
            self.workers.tell(session, message);
        }
    }

    /// Every member of a room must begin anew.
    pub fn lose_members(&self, room: &RoomId) {
        for (_, fan_out) in self.workers.all() {
            let _ = fan_out.tell(super::fan_out::LoseRoom(room.clone()));
        }
    }
}
