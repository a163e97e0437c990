//! Whatever is said means the same in both formats.

use bytes::Bytes;
use proptest::option::of;
use prost::Message;
use serde_json::{Value, json};

use super::super::messages::{self, Empty};
use super::*;
use crate::client::Command;
use crate::object::{Occupant, Person};
use crate::server::{Connected, Crowd, History, Subscribed};
use crate::{Channel, ClientId, Epoch, MessageId, UserId};

/// JSON of some shape; never `null`, which JSON takes for nothing.
fn data() -> impl Strategy<Value = Bytes> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{0,3}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    });
    value.prop_map(|value| value.to_string().into())
}

/// What JSON would have in the field.
fn maybe_data() -> impl Strategy<Value = Bytes> {
    prop_oneof![1 => Just(Bytes::new()), 4 => data()]
}

prop_compose! {
    fn sub_refresh()(channel in "\\PC{0,9}", token in "\\PC{0,5}") -> messages::SubRefreshRequest {
        messages::SubRefreshRequest { channel, token }
    }
}

prop_compose! {
    fn subscribe()(channel in "\\PC{0,9}", recover: bool, epoch in "\\PC{0,5}", offset: u64, join_leave: bool, token in "\\PC{0,5}")
        -> messages::SubscribeRequest
    {
        messages::SubscribeRequest { channel, token, recover, epoch, offset, join_leave }
    }
}

prop_compose! {
    fn history()(
        channel in "\\PC{0,9}", limit: i32, reverse: bool, since in of((any::<u64>(), "\\PC{0,5}")),
    ) -> messages::HistoryRequest {
        let since = since.map(|(offset, epoch)| messages::StreamPosition { offset, epoch });
        messages::HistoryRequest { channel, limit, since, reverse }
    }
}

/// Data of a send: an RPC, or another thing.
fn sent() -> impl Strategy<Value = Bytes> {
    let rpc = ("[a-z.]{0,9}", maybe_data()).prop_map(|(method, data)| {
        let rpc = messages::RpcRequest { method, data };
        Bytes::from(serde_json::to_vec(&rpc).unwrap())
    });
    prop_oneof![3 => rpc, 1 => maybe_data()]
}

fn command() -> impl Strategy<Value = messages::Command> {
    let empty = Just(Empty {});
    let channel = || "\\PC{0,9}".prop_map(|channel| messages::ChannelRequest { channel }).boxed();
    let connect = "\\PC{0,9}".prop_map(|token| messages::ConnectRequest { token });
    let publish = ("\\PC{0,9}", maybe_data())
        .prop_map(|(channel, data)| messages::PublishRequest { channel, data });
    let refresh = "\\PC{0,9}".prop_map(|token| messages::RefreshRequest { token });
    let rpc = ("\\PC{0,9}", maybe_data())
        .prop_map(|(method, data)| messages::RpcRequest { method, data });
    let send = sent().prop_map(|data| messages::SendRequest { data });
    let first = (
        prop_oneof![1 => Just(0), 5 => any::<u32>()],
        prop::option::weighted(0.1, connect),
        prop::option::weighted(0.1, subscribe()),
        prop::option::weighted(0.1, channel()),
        prop::option::weighted(0.1, publish),
        prop::option::weighted(0.1, channel()),
        prop::option::weighted(0.1, channel()),
        prop::option::weighted(0.1, history()),
    );
    let last = (
        prop::option::weighted(0.05, empty),
        prop::option::weighted(0.2, send),
        prop::option::weighted(0.3, rpc),
        prop::option::weighted(0.1, refresh),
        prop::option::weighted(0.1, sub_refresh()),
    );
    (first, last).prop_map(|(first, last)| {
        let (id, connect, subscribe, unsubscribe, publish, presence, presence_stats, history) =
            first;
        let (ping, send, rpc, refresh, sub_refresh) = last;
        messages::Command {
            id,
            connect,
            subscribe,
            unsubscribe,
            publish,
            presence,
            presence_stats,
            history,
            ping,
            send,
            rpc,
            refresh,
            sub_refresh,
        }
    })
}

prop_compose! {
    fn publication()(offset in 1u64.., time: u64, text in "\\PC{1,20}", name in "\\PC{1,5}")
        -> Publication
    {
        let (room, id) = (RoomId::parse("7-r").unwrap(), UserId::parse("u").unwrap());
        let client_id = ClientId::parse("c").unwrap();
        Publication::encode(&Event {
            id: Some(MessageId::of(&room, &id, &client_id)),
            room,
            offset,
            time,
            user: Some(Person { id, name }),
            body: EventBody::MessageCreated { client_id, text },
        })
    }
}

fn epoch() -> impl Strategy<Value = Epoch> {
    "[ -~]{1,9}".prop_map(|epoch| Epoch::parse(&epoch).unwrap())
}

fn result() -> impl Strategy<Value = CommandResult> {
    let publications = || prop::collection::vec(publication(), 0..4);
    let connected =
        ("\\PC{1,9}", of(1u32..), data(), 1u32..).prop_map(|(client, ttl_s, data, ping_s)| {
            let user = |id: &str| Channel::User(UserId::parse(id).unwrap());
            let subs = if ping_s % 2 == 0 { Vec::new() } else { vec![user("a\"}"), user("b")] };
            let it = Connected { client, version: "0.1.0", ttl_s, data, subs, ping_s };
            CommandResult::Connect(Box::new(it))
        });
    let subscribed = (of(1u32..), epoch(), any::<u64>(), of(any::<bool>()), publications())
        .prop_map(|(ttl_s, epoch, offset, recovered, missed)| {
            CommandResult::Subscribe(Subscribed { ttl_s, epoch, offset, recovered, missed })
        });
    let history = (publications(), epoch(), any::<u64>()).prop_map(|(publications, epoch, top)| {
        CommandResult::History(History { publications, epoch, top })
    });
    let occupant = ("\\PC{1,9}", "[a-z]{1,5}", "\\PC{1,5}").prop_map(|(client, id, name)| {
        Occupant { client, user: Person { id: UserId::parse(&id).unwrap(), name } }
    });
    let occupants = prop::collection::btree_map(any::<u8>(), occupant, 0..4).prop_map(|all| {
        let named = |(n, it): (u8, Occupant)| {
            let user = if n % 4 == 0 { Person::nobody() } else { it.user };
            Occupant { client: format!("{n}-{}", it.client), user }
        };
        CommandResult::Presence(all.into_iter().map(named).collect())
    });
    let stats = (any::<u32>(), any::<u32>())
        .prop_map(|(sessions, users)| CommandResult::PresenceStats(Crowd { sessions, users }));
    prop_oneof![
        connected,
        subscribed,
        history,
        occupants,
        stats,
        Just(CommandResult::Unsubscribe),
        Just(CommandResult::Publish),
        data().prop_map(CommandResult::Rpc),
        (1u32..).prop_map(|ttl_s| CommandResult::Refresh { ttl_s }),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    let id = || 1u32..;
    prop_oneof![
        6 => (id(), result()).prop_map(|(id, result)| Reply::Result { id, result }),
        2 => (id(), prop::sample::select(ErrorCode::ALL))
            .prop_map(|(id, code)| Reply::Error { id, code }),
        1 => prop::sample::select(CloseCode::ALL).prop_map(|code| {
            let open = RoomId::open("a\"b").unwrap();
            let room = if code.code() % 2 == 0 { RoomId::general() } else { open };
            Reply::Unsubscribe { room, code }
        }),
        1 => ("[a-z]{1,5}", "\\PC{1,5}", any::<bool>()).prop_map(|(id, name, came)| {
            let (room, id) = (RoomId::general(), UserId::parse(&id).unwrap());
            let user = Person { id, name };
            if came { Reply::Join { room, user } } else { Reply::Leave { room, user } }
        }),
        1 => Just(Reply::Ping),
    ]
}

/// What a client of JSON would have read.
fn as_json(message: &[u8]) -> Value {
    serde_json::to_value(messages::Reply::decode_length_delimited(message).unwrap()).unwrap()
}

fn read_json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

proptest! {
    #[test]
    fn commands_are_read_alike(commands in prop::collection::vec(command(), 1..4)) {
        let (mut json, mut protobuf) = (Vec::new(), Vec::new());
        for command in &commands {
            serde_json::to_writer(&mut json, command).unwrap();
            protobuf.extend(command.encode_length_delimited_to_vec());
        }
        let read = |it: Result<Command<'_>, Malformed>| format!("{it:?}");
        let json: Vec<_> = Format::Json.commands(&json).map(read).collect();
        prop_assert_eq!(Format::Protobuf.commands(&protobuf).map(read).collect::<Vec<_>>(), json);
    }

    #[test]
    fn replies_say_the_same(reply in reply()) {
        let json = read_json(&Format::Json.encode(&reply));
        prop_assert_eq!(as_json(&Format::Protobuf.encode(&reply)), json);
    }

    #[test]
    fn pushes_say_the_same(publication in publication()) {
        let json = read_json(&Format::Json.push(&publication));
        prop_assert_eq!(as_json(&Format::Protobuf.push(&publication)), json);
    }
}
