//! Objects that replies carry: users, rooms, members, pages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Epoch, Event, Offset, RoomId, UserId};

/// A person as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    pub id: UserId,
    pub name: String,
    /// Came without an account.
    pub guest: bool,
}

/// The acting person of an event, as of then: kept in the record, so live and history agree after a rename.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    pub id: UserId,
    pub name: String,
}

impl Person {
    /// Who came without a token.
    pub fn nobody() -> Self {
        Self { id: UserId::anonymous(), name: String::new() }
    }
}

/// A session in a room, as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// The session's name, from its connect reply.
    pub client: String,
    pub user: Person,
}

/// What a presence says of a user beside the id.
#[derive(Serialize)]
pub struct ConnInfo<'a> {
    pub name: &'a str,
}

impl<'a> ConnInfo<'a> {
    /// What there is to say of `user`.
    pub fn of(user: &'a Person) -> Self {
        Self { name: &user.name }
    }

    /// The same; nothing of who has no name.
    pub fn if_named(user: &'a Person) -> Option<Self> {
        (!user.name.is_empty()).then(|| Self::of(user))
    }
}

/// A client's info as it stands in JSON.
#[derive(Serialize)]
pub struct ClientInfo<'a> {
    user: &'a UserId,
    client: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    conn_info: Option<ConnInfo<'a>>,
}

impl<'a> ClientInfo<'a> {
    /// Of a session; `client` is empty where it is told of a user, in however many sessions.
    pub fn of(client: &'a str, user: &'a Person) -> Self {
        Self { user: &user.id, client, conn_info: ConnInfo::if_named(user) }
    }
}

/// Who may read and who may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    /// The global room: everyone is a member by rule.
    General,
    /// Anyone reads, anyone may join, members write.
    Public,
    /// Members only, from their latest join on.
    Private,
    /// Two people, for ever.
    Direct,
    /// Behind an open channel: everyone's, and no client ever sees the room itself.
    #[serde(skip)]
    Open,
}

/// What a room is called and what it is about: the part of a room that events tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomState {
    pub name: String,
    pub kind: RoomKind,
    pub topic: String,
}

/// A member's standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Owner,
    Member,
}

/// A room as one user sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Room {
    pub id: RoomId,
    #[serde(flatten)]
    pub state: RoomState,
    /// Offset of its newest event.
    pub head: Offset,
    pub epoch: Epoch,
    /// How many messages it holds.
    pub messages: u64,
    pub member_count: u64,
    /// The viewer's role; absent for who is not a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Up to where the viewer has read it; absent for who is not a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Offset>,
    /// How many messages come after that; absent with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<u64>,
}

/// What `read.mark` is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReadUpTo {
    pub offset: Offset,
    /// How many messages come after it.
    pub unread: u64,
}

/// A row of `room.members`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Member {
    pub id: UserId,
    pub name: String,
    pub role: Role,
}

/// Items with an opaque cursor to go on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct List<T> {
    pub items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A stretch of a room's history, ascending and without a hole.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct HistoryPage {
    pub events: Vec<Event>,
    /// Go on backwards with `before` = this; absent at the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<Offset>,
    /// Go on forwards with `after` = this; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Offset>,
    pub epoch: Epoch,
    pub head: Offset,
}

/// How durable an acknowledged message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On this machine's disk, synced.
    Fsync,
    /// Committed by PostgreSQL.
    Database,
    /// Held by one Kafka broker.
    Broker,
    /// Held by at least two Kafka brokers.
    Replicated,
}

impl Durability {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fsync => "fsync",
            Self::Database => "database",
            Self::Broker => "broker",
            Self::Replicated => "replicated",
        }
    }
}
