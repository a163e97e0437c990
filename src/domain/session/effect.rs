//! What a session's shell is asked to do, and what it is told in turn.

use chat_protocol::object::User;
use chat_protocol::server::Reply;
use chat_protocol::{CloseCode, Epoch, Offset, Publication, RoomId, UserId};

use super::Ticket;
use crate::domain::question::Question;
use crate::domain::record::{Change, Draft, ReadMark};
use crate::domain::resume::Since;
use crate::domain::revocation::TokenMark;

/// What a shell is asked to do, in order.
#[derive(Debug)]
pub enum Effect {
    Reply(Reply),
    /// Send the publications as pushes.
    Push(Vec<Publication>),
    /// Say why, and end.
    Close(CloseCode),
    Authenticate {
        token: String,
    },
    /// Look at a fresh token; ends with [`super::Session::on_refreshed`].
    Refresh {
        ticket: Ticket,
        token: String,
    },
    /// Look at a token of a subscription; ends with [`super::Session::on_granted`].
    CheckGrant {
        ticket: Ticket,
        token: String,
    },
    Subscribe {
        room: RoomId,
        ticket: Ticket,
        since: Option<Since>,
    },
    /// What comes and goes in `room` is to be told one by one, for as long as the session is in it under `ticket`.
    TellComings {
        room: RoomId,
        ticket: Ticket,
    },
    /// The next page of a catch-up, after `after`.
    Continue {
        room: RoomId,
        ticket: Ticket,
        after: Offset,
    },
    /// Stop deliveries of `room` under `ticket`; ends with [`super::Session::on_detached`].
    Detach {
        room: RoomId,
        ticket: Ticket,
    },
    Publish {
        ticket: Ticket,
        draft: Draft,
    },
    /// Tell the room that the user is writing.
    Typing {
        ticket: Ticket,
        room: RoomId,
    },
    Ask {
        ticket: Ticket,
        question: Question,
    },
    Change {
        ticket: Ticket,
        change: Change,
    },
    MarkRead(Ticket, ReadMark),
}

/// How a subscription was taken up, from the room.
#[derive(Debug)]
pub struct Attached {
    pub epoch: Epoch,
    /// Where the room stands: what comes live is after it.
    pub top: Offset,
    /// What the client asked to continue from, if the room could.
    pub since: Option<Offset>,
    /// The client asked to recover.
    pub was_recovering: bool,
    /// What it missed, up to `top`.
    pub missed: Vec<Publication>,
}

/// A stretch of the past on the way to being live.
#[derive(Debug)]
pub struct Page {
    pub epoch: Epoch,
    /// It begins right after this.
    pub after: Offset,
    pub publications: Vec<Publication>,
}

/// Why a token did not let its bearer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Not one of ours: the client must not come back with it.
    Invalid,
    Expired,
    /// None was given.
    Missing,
    /// It could not be checked now.
    Unavailable,
}

/// What a token of a subscription says.
#[derive(Debug)]
pub struct Grant {
    pub user: UserId,
    /// The channel's name, as it stands there.
    pub channel: String,
    /// ms since the Unix epoch.
    pub expires_at: u64,
    pub mark: TokenMark,
}

/// Who came in, and until when: nobody in particular stays as long as they like.
#[derive(Debug)]
pub struct Admitted {
    pub user: User,
    /// ms since the Unix epoch.
    pub expires_at: u64,
    pub mark: TokenMark,
}
