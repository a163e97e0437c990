use super::*;
use chat_protocol::UserId;
use chat_protocol::object::RoomKind;

fn person() -> Person {
    Person { id: UserId::parse("u1").unwrap(), name: "Zoë".into() }
}

fn draft(body: EventBody) -> Draft {
    let room = RoomId::parse("tea").unwrap();
    let id = MessageId::parse("67900ecb-0c9d-8db3-8ab2-5f7e07b3db48").unwrap();
    Draft { room, author: Some(person()), id, body, change: None }
}

fn message(text: &str) -> EventBody {
    EventBody::MessageCreated { client_id: ClientId::parse("c1").unwrap(), text: text.into() }
}

fn state() -> RoomState {
    RoomState { name: "Tea".into(), kind: RoomKind::Private, topic: "".into() }
}

// What was written once is read for ever: a golden value may be added, none may change.
#[test]
fn golden_values_of_version_1_read_and_write_alike() {
    let server = Draft { author: None, ..draft(EventBody::RoomUpdated(state())) };
    let golden = [
        (draft(message("a \"b\"\n😀")), include_str!("golden/v1-message.created.json")),
        (draft(EventBody::RoomCreated(state())), include_str!("golden/v1-room.created.json")),
        (server, include_str!("golden/v1-room.updated.json")),
        (draft(EventBody::MemberJoined(person())), include_str!("golden/v1-member.joined.json")),
        (
            Draft { change: Some(7), ..draft(EventBody::MemberJoined(person())) },
            include_str!("golden/v1-member.joined-change.json"),
        ),
        (
            draft(EventBody::MemberRemoved { member: person(), reason: Removal::Removed }),
            include_str!("golden/v1-member.removed.json"),
        ),
    ];
    for (draft, json) in golden {
        let value = [b"chat\x01", json.trim_end().as_bytes()].concat();
        let checked = Checked { at: 1_764_000_000_000, draft };
        assert_eq!(String::from_utf8(encode(&checked)), String::from_utf8(value.clone()));
        let record = Record::decode(7, 8, b"tea", &value);
        assert_eq!(record.content, Content::Draft(checked));
        assert_eq!((record.log_offset, record.timestamp), (7, 8));
    }
}

#[test]
fn what_is_passed_on_of_open_channels_is_of_version_2() {
    let room = RoomId::open("news:a").unwrap();
    let client = Some(ClientId::parse("c1").unwrap());
    let body = EventBody::DataPublished { client, data: r#"{"n": 1.0}"#.into() };
    let said = Draft { room: room.clone(), ..draft(body) };
    let body = EventBody::DataPublished { client: None, data: "null".into() };
    let server = Draft { author: None, body, ..said.clone() };
    for (draft, json) in [
        (said, include_str!("golden/v2-data.published.json")),
        (server, include_str!("golden/v2-data.published-server.json")),
    ] {
        let value = [b"chat\x02", json.trim_end().as_bytes()].concat();
        let checked = Checked { at: 1_764_000_000_000, draft };
        assert_eq!(String::from_utf8(encode(&checked)), String::from_utf8(value.clone()));
        assert_eq!(passed_on(&room, &value), Some(checked));
        // Of a room it is nothing, and a log holds none: whoever meets one there stops before it.
        assert_eq!(passed_on(&RoomId::general(), &value), None);
        assert_eq!(Record::decode(7, 8, b"tea", &value).content, Content::Newer(2));
        assert_eq!(Record::decode(7, 8, room.as_str().as_bytes(), &value).room, None);
    }
}

#[test]
fn what_is_not_ours_is_unreadable_and_what_is_newer_is_told_apart() {
    let read = |key: &[u8], value: &[u8]| Record::decode(0, 0, key, value).content;
    let why = |key: &[u8], value: &[u8]| match read(key, value) {
        Content::Unreadable(letter) => Some(letter.reason),
        _ => None,
    };
    let good = encode(&Checked { at: 1, draft: draft(message("x")) });
    assert!(matches!(read(b"tea", &good), Content::Draft(_)));
    for value in [&b""[..], b"chat", b"chat\x00{}", b"chat\x01", b"chat\x01{}", b"{}", &[0xff; 40]]
    {
        let Content::Unreadable(letter) = read(b"tea", value) else { panic!("{value:?}") };
        assert_eq!((&*letter.key, &*letter.value), (&b"tea"[..], value), "as it came");
    }
    assert_eq!(why(b"no room!", &good), Some(Reason::NoRoom));
    for foreign in [&b""[..], b"chat", b"chat\x00{}", b"{}"] {
        assert_eq!(why(b"tea", foreign), Some(Reason::Foreign), "{foreign:?}");
    }
    assert_eq!(why(b"tea", b"chat\x01{}"), Some(Reason::Malformed));
    assert_eq!(read(b"tea", b"chat\x02whatever"), Content::Newer(2));
    let nul = encode(&Checked { at: 1, draft: draft(message("nul \0")) });
    assert_eq!(why(b"tea", &nul), Some(Reason::Malformed));
    let nameless = Person { name: "nul \0".into(), ..person() };
    let nul = encode(&Checked { at: 1, draft: draft(EventBody::MemberJoined(nameless)) });
    assert_eq!(why(b"tea", &nul), Some(Reason::Malformed), "no database could hold it");
    let void = encode(&Checked { at: 1, draft: draft(EventBody::Void { of: None }) });
    assert_eq!(why(b"tea", &void), Some(Reason::Malformed), "the fold alone gives a place");
}

#[test]
fn a_checksum_tells_records_apart() {
    let of = |key: &[u8], value: &[u8]| Record::decode(0, 0, key, value).checksum;
    assert_eq!(of(b"a", b"b"), of(b"a", b"b"));
    assert_ne!(of(b"ab", b"c"), of(b"a", b"bc"));
    assert_eq!(of(b"tea", b"chat"), 2_792_392_780_986_023_404, "fixed for ever");
}
