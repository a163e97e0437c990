use super::*;
use crate::engine::seat::Seat;
use crate::engine::tally::Breaches;

/// Two members in one room, fed with lines as a server would send them.
struct Scene {
    rooms: Vec<Room>,
    tally: Tally,
    members: Vec<Member>,
}

fn event(offset: u64, id: &str) -> String {
    let text = format!("{:016x}{}", 0, "x".repeat(112));
    format!(
        r#"{{"push":{{"channel":"room:r","pub":{{"data":{{"type":"message.created","id":"{id}","client_id":"c","text":"{text}"}},"offset":{offset}}}}}}}"#
    )
}

impl Scene {
    fn new() -> Self {
        let mut room = Room::new("r", 8);
        let members = (0..2).map(|_| {
            room.enter(0);
            let mut member = bare_member();
            member.subscribe(0, 0);
            member
        });
        let members = members.collect();
        Self { rooms: vec![room], tally: Tally::default(), members }
    }

    fn gets(&mut self, member: usize, payload: &str) {
        let mut stirred = Vec::new();
        let (rooms, tally) = (&mut self.rooms, &mut self.tally);
        let mut turn = Turn { rooms, tally, stirred: &mut stirred, now_ns: 0 };
        let mut bytes = Vec::new();
        ws::put_server_frame(&mut bytes, opcode::TEXT, payload.as_bytes());
        let used = turn.take(&mut self.members[member], &bytes).unwrap();
        assert_eq!(used, bytes.len());
    }

    fn breaches(&self) -> &Breaches {
        &self.tally.breaches
    }
}

/// A member without a live socket behind it.
fn bare_member() -> Member {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    socket.set_nonblocking(true).unwrap();
    Seat::new(mio::net::TcpStream::from_std(socket), Vec::new()).member
}

#[test]
fn two_members_who_see_the_same_are_clean() {
    let mut scene = Scene::new();
    scene.gets(0, &format!("{}\n{}", event(1, "a"), event(2, "b")));
    scene.gets(1, &event(1, "a"));
    scene.gets(1, &event(2, "b"));
    assert!(scene.breaches().none());
    assert_eq!(scene.tally.deliveries, 4);
    assert!(scene.members.iter().all(|member| member.places().eq([(0, 3)])));
}

#[test]
fn a_hole_is_counted_with_its_width() {
    let mut scene = Scene::new();
    scene.gets(0, &event(1, "a"));
    scene.gets(0, &event(4, "d"));
    assert_eq!(scene.breaches().holes, 2);
}

#[test]
fn a_repeat_is_counted() {
    let mut scene = Scene::new();
    scene.gets(0, &event(1, "a"));
    scene.gets(0, &event(1, "a"));
    assert_eq!((scene.breaches().repeats, scene.breaches().holes), (1, 0));
}

#[test]
fn another_event_at_the_same_place_is_counted() {
    let mut scene = Scene::new();
    scene.gets(0, &event(1, "a"));
    scene.gets(1, &event(1, "z"));
    assert_eq!(scene.breaches().differing, 1);
}

#[test]
fn the_same_event_in_other_bytes_is_no_breach() {
    let mut scene = Scene::new();
    scene.gets(0, &event(1, "a"));
    scene.gets(1, &event(1, "a").replace(r#"{"push""#, r#"{ "push""#));
    assert!(scene.breaches().none());
    assert_eq!(scene.tally.deliveries, 2);
}

#[test]
fn what_has_no_place_is_an_aside() {
    let mut scene = Scene::new();
    let tick = r#"{"push":{"channel":"room:r","pub":{"data":{"type":"presence.tick"}}}}"#;
    let hint = r#"{"push":{"channel":"user:u","pub":{"data":{"type":"read.marked"}}}}"#;
    scene.gets(0, &format!("{tick}\n{hint}"));
    assert!(scene.breaches().none());
    assert_eq!((scene.tally.asides, scene.tally.deliveries), (2, 0));
}

#[test]
fn a_ping_is_answered() {
    let mut scene = Scene::new();
    scene.gets(0, "{}");
    assert!(!scene.members[0].unsent.is_empty());
}

#[test]
fn an_unsubscribe_and_an_unreadable_line_are_breaches() {
    let mut scene = Scene::new();
    scene.gets(0, r#"{"push":{"channel":"room:r","unsubscribe":{"code":2500}}}"#);
    scene.gets(1, "{nonsense");
    assert_eq!((scene.breaches().unsubscribed, scene.breaches().unreadable), (1, 1));
}
