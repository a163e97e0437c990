//! The RPC methods: name and data in, what to do out. REST handlers make the same [`Deed`]s.

use chat_protocol::client::{
    HistoryPageRequest, MessageSend, Named, Paging, ReadUpTo, RoomCreate, RoomMembers, RoomOnly,
    RoomUpdate,
};
use chat_protocol::event::Removal;
use chat_protocol::object::{Person, RoomKind, RoomState, User};
use chat_protocol::text::{check_text, parse_name, parse_topic};
use chat_protocol::{ClientId, ErrorCode, RoomId};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::question::Question;
use super::record::{Change, Draft, ReadMark};

/// Most members that a room can be made with.
pub const MEMBERS_AT_CREATION_MAX: usize = 100;

/// What a checked request comes to.
#[derive(Debug)]
pub enum Deed {
    Publish(Draft),
    Ask(Question),
    Change(Change),
    MarkRead(ReadMark),
    /// Tell the room that the user is writing.
    Typing(RoomId),
}

/// A fresh id of the server's making.
pub fn fresh_id() -> String {
    Uuid::now_v7().to_string()
}

/// Checks an RPC of `user`; `data` is empty where there was none.
///
/// # Errors
/// [`ErrorCode::MethodNotFound`]; [`ErrorCode::BadRequest`] for data of another shape; what the checks of names and
/// texts say.
pub fn check_rpc(
    user: &User,
    method: &str,
    data: &[u8],
    text_bytes_max: usize,
) -> Result<Deed, ErrorCode> {
    match method {
        "message.send" => {
            let it: MessageSend<'_> = read(data)?;
            check_message(user, it.room, it.client_id, &it.text, text_bytes_max)
        }
        "history.page" => check_page(read(data)?),
        "room.create" => check_create(user, read(data)?),
        "room.get" => Ok(Deed::Ask(Question::Room(read::<RoomOnly>(data)?.room))),
        "room.join" => {
            let room = read::<RoomOnly>(data)?.room;
            Ok(Deed::Change(Change::AddMember { room, by: person(user), member: user.id.clone() }))
        }
        "room.leave" => {
            let room = read::<RoomOnly>(data)?.room;
            let (by, member, reason) = (person(user), user.id.clone(), Removal::Left);
            Ok(Deed::Change(Change::RemoveMember { room, by, member, reason }))
        }
        "room.update" => check_update(user, read(data)?),
        "room.list" => Ok(Deed::Ask(Question::Rooms(read_or_default(data)?))),
        "room.members" => {
            let it: RoomMembers = read(data)?;
            Ok(Deed::Ask(Question::Members(it.room, it.paging)))
        }
        "read.mark" => {
            let it: ReadUpTo = read(data)?;
            let user = user.id.clone();
            Ok(Deed::MarkRead(ReadMark { room: it.room, user, offset: it.offset }))
        }
        "typing" => Ok(Deed::Typing(read::<RoomOnly>(data)?.room)),
        "user.me" => Ok(Deed::Ask(Question::Me)),
        "user.rename" => {
            let name = parse_name(&read::<Named>(data)?.name)?;
            Ok(Deed::Change(Change::RenameUser { user: user.id.clone(), name }))
        }
        _ => Err(ErrorCode::MethodNotFound),
    }
}

/// Reads an object. A list of its values in their order, which serde would take for one, is none.
///
/// # Errors
/// [`ErrorCode::BadRequest`].
pub fn read_object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ErrorCode> {
    if json.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(json).map_err(|_| ErrorCode::BadRequest)
    } else {
        Err(ErrorCode::BadRequest)
    }
}

fn read<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, ErrorCode> {
    read_object(if data.is_empty() { b"{}" } else { data })
}

fn read_or_default(data: &[u8]) -> Result<Paging, ErrorCode> {
    if data == b"null" { Ok(Paging::default()) } else { read(data) }
}

/// The user as events name them.
pub fn person(user: &User) -> Person {
    Person { id: user.id.clone(), name: user.name.clone() }
}

/// A message, checked.
///
/// # Errors
/// What [`check_text`] says.
pub fn check_message(
    user: &User,
    room: RoomId,
    client_id: ClientId,
    text: &str,
    text_bytes_max: usize,
) -> Result<Deed, ErrorCode> {
    check_text(text, text_bytes_max)?;
    Ok(Deed::Publish(Draft::message(room, person(user), client_id, text.to_owned())))
}

/// Data for an open channel: any JSON but null, which the wire takes for nothing, kept as it was written but for line ends, which part one object from the next in
/// frames and mean nothing within JSON.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for null and what is no JSON, [`ErrorCode::TextTooLong`].
pub fn check_data(
    room: RoomId,
    author: Option<Person>,
    data: &[u8],
    bytes_max: usize,
) -> Result<Draft, ErrorCode> {
    if data.len() > bytes_max {
        return Err(ErrorCode::TextTooLong);
    }
    let json: &RawValue = serde_json::from_slice(data).map_err(|_| ErrorCode::BadRequest)?;
    if json.get() == "null" {
        return Err(ErrorCode::BadRequest);
    }
    Draft::data(room, author, json.get().replace(['\n', '\r'], " "))
}

/// A page of history: at most one anchor.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for more than one.
pub fn check_page(it: HistoryPageRequest) -> Result<Deed, ErrorCode> {
    let anchors = [&it.before, &it.after, &it.around].into_iter().flatten().count();
    if anchors > 1 { Err(ErrorCode::BadRequest) } else { Ok(Deed::Ask(Question::HistoryPage(it))) }
}

/// A new room. Its id is drawn here, so that a repeat names the room of the first.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for a bad name or topic or too many members; [`ErrorCode::NotAvailable`] for a kind
/// that can't be made.
pub fn check_create(user: &User, it: RoomCreate) -> Result<Deed, ErrorCode> {
    match it.kind {
        RoomKind::General | RoomKind::Open => return Err(ErrorCode::NotAvailable),
        RoomKind::Direct => return check_direct(user, it),
        RoomKind::Public | RoomKind::Private => {}
    }
    if it.members.len() > MEMBERS_AT_CREATION_MAX {
        return Err(ErrorCode::BadRequest);
    }
    let state =
        RoomState { name: parse_name(&it.name)?, kind: it.kind, topic: parse_topic(&it.topic)? };
    let client_id = it.client_id.map_or_else(|| ClientId::parse(&fresh_id()), Ok)?;
    let room = RoomId::parse(&fresh_id())?;
    let (creator, members) = (person(user), it.members);
    Ok(Deed::Change(Change::CreateRoom { room, state, creator, members, client_id }))
}

/// The room of two people, who are its id, so that whoever asks gets the same one. It has no name and no topic.
fn check_direct(user: &User, it: RoomCreate) -> Result<Deed, ErrorCode> {
    let [other] = it.members.as_slice() else { return Err(ErrorCode::BadRequest) };
    if *other == user.id || !it.name.is_empty() || !it.topic.is_empty() {
        return Err(ErrorCode::BadRequest);
    }
    let room = RoomId::direct(&user.id, other);
    let state = RoomState { name: String::new(), kind: RoomKind::Direct, topic: String::new() };
    let client_id = ClientId::parse(room.as_str())?;
    let (creator, members) = (person(user), it.members);
    Ok(Deed::Change(Change::CreateRoom { room, state, creator, members, client_id }))
}

/// A room's new name or topic.
///
/// # Errors
/// [`ErrorCode::BadRequest`].
pub fn check_update(user: &User, it: RoomUpdate) -> Result<Deed, ErrorCode> {
    let name = it.name.as_deref().map(parse_name).transpose()?;
    let topic = it.topic.as_deref().map(parse_topic).transpose()?;
    if name.is_none() && topic.is_none() {
        return Err(ErrorCode::BadRequest);
    }
    Ok(Deed::Change(Change::UpdateRoom { room: it.room, by: person(user), name, topic }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_protocol::{EventBody, UserId};

    fn check(method: &str, data: &str) -> Result<Deed, ErrorCode> {
        let user = User { id: UserId::parse("u").unwrap(), name: "U".into(), guest: true };
        check_rpc(&user, method, data.as_bytes(), 10)
    }

    #[test]
    fn a_checked_send_is_a_draft_with_the_id_that_anyone_would_compute() {
        let sent = check("message.send", r#"{"room":"7","client_id":"c","text":"a\tb"}"#);
        let Ok(Deed::Publish(draft)) = sent else { panic!("{sent:?}") };
        let expected = chat_protocol::MessageId::of(
            &RoomId::parse("7").unwrap(),
            &UserId::parse("u").unwrap(),
            &ClientId::parse("c").unwrap(),
        );
        assert_eq!(draft.id, expected);
    }

    #[test]
    fn data_is_any_json_of_one_line() {
        let check = |data: &str| {
            check_data(RoomId::open("news").unwrap(), None, data.as_bytes(), 20).map(|it| it.body)
        };
        for (data, kept) in [("false", "false"), (" [1.0,\r\n2e400] ", "[1.0,  2e400]")] {
            let Ok(EventBody::DataPublished { data, .. }) = check(data) else { panic!("{data}") };
            assert_eq!(data, kept);
        }
        for bad in ["", " null", "{", "{}{}", "nul", "\"\n\"", "'x'"] {
            assert_eq!(check(bad), Err(ErrorCode::BadRequest), "{bad:?}");
        }
        assert_eq!(check(&format!("\"{}\"", "x".repeat(19))), Err(ErrorCode::TextTooLong));
    }

    #[test]
    fn every_bad_request_gets_its_code() {
        for (method, data, code) in [
            ("message.send", r#"{"room":"7","client_id":"c","text":" "}"#, ErrorCode::TextEmpty),
            (
                "message.send",
                r#"{"room":"7","client_id":"c","text":"01234567890"}"#,
                ErrorCode::TextTooLong,
            ),
            ("message.send", r#"{"room":"a b","client_id":"c","text":"x"}"#, ErrorCode::BadRequest),
            ("message.send", r#"{"room":"7","client_id":"","text":"x"}"#, ErrorCode::BadRequest),
            ("message.send", r#"{"room":"7","text":"x"}"#, ErrorCode::BadRequest),
            ("message.send", "null", ErrorCode::BadRequest),
            ("message.send", r#"["7","c","x"]"#, ErrorCode::BadRequest),
            ("message.sing", "{}", ErrorCode::MethodNotFound),
            ("history.page", r#"{"room":"7","before":3,"after":"x"}"#, ErrorCode::BadRequest),
            ("room.create", r#"{"name":"x","kind":"general"}"#, ErrorCode::NotAvailable),
            ("room.create", r#"{"kind":"direct"}"#, ErrorCode::BadRequest),
            ("room.create", r#"{"kind":"direct","members":["u"]}"#, ErrorCode::BadRequest),
            ("room.create", r#"{"kind":"direct","members":["v","w"]}"#, ErrorCode::BadRequest),
            (
                "room.create",
                r#"{"kind":"direct","members":["v"],"name":"x"}"#,
                ErrorCode::BadRequest,
            ),
            ("room.create", r#"{"name":"","kind":"public"}"#, ErrorCode::BadRequest),
            ("room.create", r#"{"name":"x","kind":"secret"}"#, ErrorCode::BadRequest),
            ("room.update", r#"{"room":"7"}"#, ErrorCode::BadRequest),
            ("user.rename", r#"{"name":"\u0000"}"#, ErrorCode::BadRequest),
        ] {
            assert_eq!(check(method, data).map(|_| ()).unwrap_err(), code, "{method} {data}");
        }
    }
}
