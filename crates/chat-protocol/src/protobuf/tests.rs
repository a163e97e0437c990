//! The bytes as the protocol has them, hostile ones, and the same meaning as JSON.

mod equal;

use proptest::prelude::*;

use super::*;
use crate::client::{Malformed, Request};
use crate::server::{CommandResult, Connected, Reply};
use crate::{Channel, CloseCode, ErrorCode, Event, EventBody, Format, Publication, RoomId, UserId};

fn read(frame: &[u8]) -> Vec<Result<String, Malformed>> {
    let short = |request| match request {
        Request::Connect(it) => format!("connect {}", it.token),
        Request::Subscribe(it) => format!("subscribe {} {}", it.channel, it.offset),
        Request::History(it) => format!("history {}", it.limit),
        Request::Rpc(it) => format!("rpc {} {}", it.method, String::from_utf8_lossy(&it.data)),
        Request::Send(it) => format!("send {:?}", it.data.map(|rpc| rpc.method)),
        Request::Pong => "pong".to_owned(),
        other => format!("{other:?}"),
    };
    let commands = Commands::new(frame);
    commands
        .map(|it| it.map(|command| format!("{} {}", command.id, short(command.request))))
        .collect()
}

/// A message behind its length.
fn delimited(message: &[u8]) -> Vec<u8> {
    let mut length = Vec::new();
    prost::encode_length_delimiter(message.len(), &mut length).unwrap();
    [&length, message].concat()
}

#[test]
fn a_frame_holds_several_commands_in_order() {
    let connect = b"\x08\x01\x22\x03\x0a\x01t"; // id 1, connect { token: "t" }
    let subscribe = b"\x08\x02\x2a\x0a\x0a\x06room:7\x38\x2a"; // id 2, subscribe { channel, offset: 42 }
    let frame = [delimited(connect), delimited(subscribe), vec![0]].concat();
    let expected = ["1 connect t", "2 subscribe room:7 42", "0 pong"];
    assert_eq!(read(&frame), expected.map(|it| Ok(it.to_owned())));
    let mut commands = Commands::new(&frame);
    assert!(commands.next().is_some_and(|it| it.is_ok()));
    assert_eq!(commands.rest(), &frame[8..], "what comes after connect can wait as it is");
}

#[test]
fn replies_have_the_bytes_that_the_protocol_gives_them() {
    let result = |result| Reply::Result { id: 3, result };
    for (reply, bytes) in [
        (Reply::Ping, &[][..]),
        (result(CommandResult::Publish), b"\x08\x03\x42\x00"),
        (result(CommandResult::Unsubscribe), b"\x08\x03\x3a\x00"),
        (result(CommandResult::Rpc("{}".into())), b"\x08\x03\x6a\x04\x0a\x02{}"),
        (result(CommandResult::Refresh { ttl_s: 7 }), b"\x08\x03\x72\x04\x18\x01\x20\x07"),
        (
            Reply::Error { id: 3, code: ErrorCode::NotAMember },
            b"\x08\x03\x12\x26\x08\x92\x03\x12\x21not_a_member: join the room first",
        ),
        (
            Reply::Unsubscribe { room: RoomId::general(), code: CloseCode::Removed },
            b"\x22\x27\x12\x0croom:general\x3a\x17\x10\xb4\x10\x1a\x12no longer a member",
        ),
    ] {
        let encoded = encode_reply(&reply);
        assert_eq!(encoded[0] as usize, encoded.len() - 1);
        assert_eq!(encoded[1..].escape_ascii().to_string(), bytes.escape_ascii().to_string());
    }
}

// An SDK reads what is missing in an entry of a map as null, and reaches into it.
#[test]
fn a_channel_that_the_server_subscribes_to_has_a_result_even_where_that_is_empty() {
    let connected = Connected {
        client: "c".into(),
        version: "v",
        ttl_s: Some(1),
        data: "{}".into(),
        subs: vec![Channel::User(UserId::parse("u").unwrap())],
        ping_s: 25,
    };
    let result = CommandResult::Connect(Box::new(connected));
    let encoded = encode_reply(&Reply::Result { id: 1, result });
    let entry = b"\x32\x0a\x0a\x06user:u\x12\x00";
    assert!(encoded.windows(entry.len()).any(|it| it == entry), "{}", encoded.escape_ascii());
}

#[test]
fn a_publication_carries_its_event_as_json() {
    let room = RoomId::general();
    let body = EventBody::Void { of: None };
    let event = Event { room, offset: 9, time: 1, id: None, user: None, body };
    let push = Format::Protobuf.push(&Publication::encode(&event));
    let data = br#"{"type":"void","room":"general","offset":9}"#;
    let publication = [&[0x22, 43], &data[..], &[0x30, 9]].concat();
    let body = [b"\x12\x0croom:general\x22", &delimited(&publication)[..]].concat();
    let reply = [b"\x22", &delimited(&body)[..]].concat();
    assert_eq!(push.escape_ascii().to_string(), delimited(&reply).escape_ascii().to_string());
}

#[test]
fn what_is_malformed_ends_the_frame_and_changes_nothing_before_it() {
    let rpc = b"\x08\x01\x6a\x03\x12\x01x"; // id 1, rpc { method: "x" }
    assert_eq!(read(&delimited(rpc)), [Ok("1 rpc x ".to_owned())]);
    let groups = [b"\x83\x08".repeat(5_000), b"\x84\x08".repeat(5_000)].concat();
    for (what, frame) in [
        ("an empty frame", vec![]),
        ("a length beyond the frame", [&[8], &rpc[..]].concat()),
        ("a length of 2^63", vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ("a length that never ends", vec![0xff; 20]),
        ("a length that is cut off", vec![0x80]),
        ("a field beyond its message", delimited(b"\x08\x01\x6a\x04\x12\x01x")),
        ("a text beyond its message", delimited(b"\x08\x01\x6a\x03\x12\x7fx")),
        ("an id as text", delimited(b"\x0a\x01x\x6a\x03\x12\x01x")),
        ("an rpc as a number", delimited(b"\x08\x01\x68\x03")),
        ("a channel as a number", delimited(b"\x08\x01\x2a\x02\x08\x01")),
        ("field number 0", delimited(b"\x00\x01")),
        ("a wire type that is none", delimited(b"\x0f\x01")),
        ("a tag that is cut off", delimited(b"\x08\x01\x80")),
        ("a text that is not UTF-8", delimited(b"\x08\x01\x6a\x03\x12\x01\xff")),
        ("no id", delimited(&rpc[2..])),
        ("an id and nothing else", delimited(b"\x08\x01")),
        ("an unknown request", delimited(b"\x08\x01\xf2\x01\x00")),
        ("ping", delimited(b"\x08\x01\x5a\x00")),
        ("groups in groups", delimited(&groups)),
        ("the end of a group that never began", delimited(b"\x84\x08")),
        ("a send that is no JSON", delimited(b"\x62\x03\x0a\x01{")),
        ("a send that is no object", delimited(b"\x62\x03\x0a\x017")),
    ] {
        assert_eq!(read(&frame), [Err(Malformed)], "{what}");
        if !frame.is_empty() {
            let behind = [&delimited(rpc)[..], &frame, &delimited(rpc)].concat();
            let expected = [Ok("1 rpc x ".to_owned()), Err(Malformed)];
            assert_eq!(read(&behind)[..2], expected, "{what}, behind a good one");
        }
    }
}

#[test]
fn what_is_unknown_is_passed_over() {
    for (what, message) in [
        ("a varint", &b"\x08\x01\xf8\x07\x05\x6a\x03\x12\x01x"[..]),
        ("64 bits", b"\x08\x01\xf9\x0712345678\x6a\x03\x12\x01x"),
        ("bytes", b"\x08\x01\xfa\x07\x02hi\x6a\x03\x12\x01x"),
        ("a group", b"\x08\x01\xfb\x07\x08\x01\xfc\x07\x6a\x03\x12\x01x"),
        ("32 bits", b"\x08\x01\xfd\x071234\x6a\x03\x12\x01x"),
        ("within the request", b"\x08\x01\x6a\x05\x12\x01x\x18\x07"),
        ("in any order", b"\x6a\x03\x12\x01x\x08\x01"),
    ] {
        assert_eq!(read(&delimited(message)), [Ok("1 rpc x ".to_owned())], "{what}");
    }
    let all = delimited(b"\x08\x01\x52\x0b\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    assert_eq!(read(&all), [Ok("1 history -1".to_owned())]);
    assert_eq!(read(&delimited(b"\x62\x00")), [Ok("0 send None".to_owned())]);
}

proptest! {
    #[test]
    fn no_bytes_panic(frame in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Commands::new(&frame).count() <= frame.len().max(1));
    }

    // Lengths that hold, so that more than the first byte is looked at.
    #[test]
    fn no_message_panics(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..5)) {
        let frame: Vec<u8> = messages.iter().flat_map(|message| delimited(message)).collect();
        prop_assert!(Commands::new(&frame).count() <= messages.len());
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_whole_commands_and_then_malformed(cut in 0usize..100) {
        let rpc = delimited(b"\x08\x01\x6a\x0f\x0a\x0a{\"a\":1234}\x12\x01x");
        let frame = rpc.repeat(4);
        let cut = cut % frame.len();
        let whole = cut / rpc.len();
        let commands = read(&frame[..cut]);
        prop_assert!(commands[..whole].iter().all(Result::is_ok));
        let is_cut = cut == 0 || !cut.is_multiple_of(rpc.len());
        prop_assert_eq!(&commands[whole..], if is_cut { &[Err(Malformed)][..] } else { &[] });
    }
}
