//! The whole route table: every path, what it takes and gives, and who may ask. What mounts it is [`super::configure`],
//! what describes it [`super::openapi`].

use actix_web::http::Method;
use chat_protocol::ErrorCode::{
    ClientIdReused, NotAMember, NotAvailable, PermissionDenied, RoomNotFound, TextEmpty,
    TextTooLong, TooManyRequests, Unavailable, UnknownChannel, UnrecoverablePosition,
};
use chat_protocol::client::{Named, Paging, RoomCreate};
use chat_protocol::object::{HistoryPage, List, Member, ReadUpTo, Room, User};
use schemars::JsonSchema;

use super::operation::{Content, Operation};
use super::{guests, health, members, messages, openapi, publish, revocations, rooms, upgrade, ws};
use crate::actors::reply::Ack;

/// It is done, and there is nothing to say of it.
#[derive(JsonSchema)]
pub struct Done {}

/// It is done, as the servers of the field say it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
pub struct Result {
    result: Done,
}

/// After leaving nothing, else the room.
#[derive(JsonSchema)]
#[serde(untagged)]
pub enum AfterRemoval {
    Room(Room),
    Done(Done),
}

/// Every operation.
pub fn table() -> Vec<Operation> {
    let mut table = people();
    table.extend(in_rooms());
    table.extend(for_operators());
    table
}

fn people() -> Vec<Operation> {
    vec![
        post("/api/guests", guests::create, "Become a guest, with a token of this server's")
            .body::<Named>()
            .answers::<guests::Ticket<'_>>(201)
            .refuses(&[TooManyRequests, NotAvailable, Unavailable]),
        post("/api/tokens/refresh", guests::refresh, "A fresh token for a guest's valid one")
            .user()
            .answers::<guests::Ticket<'_>>(200)
            .refuses(&[PermissionDenied]),
        post("/api/tokens/revoke", revocations::revoke_own, "End one's own tokens, this one too")
            .user()
            .answers::<Result>(200),
        get("/api/me", guests::me, "Who one is").user().answers::<User>(200),
        patch("/api/me", guests::rename, "Take another name")
            .user()
            .body::<Named>()
            .answers::<User>(200),
    ]
}

fn in_rooms() -> Vec<Operation> {
    vec![
        get("/api/rooms", rooms::list, "The room of all, one's own and the public ones")
            .user()
            .query::<Paging>()
            .answers::<List<Room>>(200),
        post("/api/rooms", rooms::create, "Make a room; repeatable under its client_id")
            .user()
            .body::<RoomCreate>()
            .answers::<Room>(201)
            .refuses(&[NotAvailable, NotAMember, ClientIdReused]),
        get("/api/rooms/{room}", rooms::get, "A room")
            .user()
            .answers::<Room>(200)
            .refuses(&[RoomNotFound, NotAMember]),
        patch("/api/rooms/{room}", rooms::update, "Change its name or topic, as its owner")
            .user()
            .body::<rooms::Update>()
            .answers::<Room>(200)
            .refuses(&[RoomNotFound, NotAMember, PermissionDenied]),
        get("/api/rooms/{room}/members", members::list, "Who is in it")
            .user()
            .query::<Paging>()
            .answers::<List<Member>>(200)
            .refuses(&[RoomNotFound, NotAMember]),
        post("/api/rooms/{room}/members", members::add, "Join it, or add someone as its owner")
            .user()
            .body_if_any::<members::Add>()
            .answers::<Room>(200)
            .refuses(&[RoomNotFound, NotAMember, PermissionDenied]),
        delete(
            "/api/rooms/{room}/members/{user}",
            members::remove,
            "Leave it (`me`), or remove someone",
        )
        .user()
        .answers::<AfterRemoval>(200)
        .refuses(&[RoomNotFound, NotAMember, PermissionDenied]),
        put("/api/rooms/{room}/read", rooms::mark_read, "Say up to where one has read it")
            .user()
            .body::<rooms::ReadTo>()
            .answers::<ReadUpTo>(200)
            .refuses(&[RoomNotFound, NotAMember]),
        get("/api/rooms/{room}/messages", messages::page, "A page of its history")
            .user()
            .query::<messages::PageQuery>()
            .answers::<HistoryPage>(200)
            .refuses(&[RoomNotFound, NotAMember, UnrecoverablePosition]),
        post(
            "/api/rooms/{room}/messages",
            messages::send,
            "Send a message; repeatable under its client_id",
        )
        .user()
        .body::<messages::Send>()
        .answers::<Ack>(201)
        .answers::<Ack>(200)
        .refuses(&[RoomNotFound, NotAMember, TextEmpty, TextTooLong, ClientIdReused]),
    ]
}

fn for_operators() -> Vec<Operation> {
    vec![
        post("/api/disconnect", revocations::disconnect, "End a user's sessions")
            .server()
            .body::<revocations::Disconnect>()
            .answers::<Result>(200),
        post("/api/revoke", revocations::revoke, "End a user's tokens, or one of them")
            .server()
            .body::<revocations::Revoke>()
            .answers::<Result>(200),
        post("/api/publish", publish::publish, "Publish data in an open channel")
            .server()
            .body::<publish::Publish>()
            .answers::<Result>(200)
            .refuses(&[UnknownChannel, PermissionDenied, TextTooLong]),
        get(upgrade::PATH, ws::connect, "The live half, a WebSocket: see docs/PROTOCOL.md")
            .gives(101, Content::Nothing)
            .gives(400, Content::Nothing)
            .gives(429, Content::Nothing)
            .gives(503, Content::Nothing),
        get("/openapi.json", openapi::serve, "This document").answers::<openapi::Document>(200),
        get("/health/live", health::live, "Does it run?").gives(200, Content::Text),
        get("/health/ready", health::ready, "Does it take new sessions?")
            .gives(200, Content::Text)
            .gives(503, Content::Text),
        get("/metrics", health::metrics, "Metrics in Prometheus' text format")
            .gives(200, Content::Text),
    ]
}

/// Declares a function for a method, so that a row of the table begins as a request does.
macro_rules! methods {
    ($($name:ident $method:ident)*) => {$(
        fn $name<F, Args>(path: &'static str, handler: F, summary: &'static str) -> Operation
        where
            F: actix_web::dev::Handler<Args>,
            Args: actix_web::FromRequest + 'static,
            F::Output: actix_web::Responder + 'static,
        {
            Operation::new(Method::$method, path, handler, summary)
        }
    )*};
}

methods! { get GET post POST put PUT patch PATCH delete DELETE }
