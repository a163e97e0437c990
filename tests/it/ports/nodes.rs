//! The contract of whoever knows who is where.

use std::sync::Arc;
use std::time::Duration;

use chat_protocol::object::{Occupant, Person};
use chat_protocol::{Ephemeral, EphemeralBody, RoomId, UserId};
use chat_server::bus::redis::RedisNodes;
use chat_server::bus::{Bus, Incoming, Passing};
use chat_server::nodes::local::LocalNodes;
use chat_server::nodes::{Nodes, OCCUPANTS_MAX, Report};

use super::promises;
use super::redis::{KnownHeads, bus, new_epoch, redis, shared_server};
use crate::kit::{eventually, within};

/// Long enough to be believed for a whole test.
const LONG: Duration = Duration::from_secs(600);

struct Subject(Arc<dyn Nodes>);

async fn local() -> Subject {
    Subject(Arc::<LocalNodes>::default())
}

async fn in_redis() -> Subject {
    Subject(Arc::new(RedisNodes::new(redis(&shared_server().url(), &new_epoch()), LONG)))
}

promises! {
    local: super::local().await;
    redis: super::in_redis().await;
    who_is_reported_is_there_until_they_are_reported_gone
    what_does_not_add_up_is_wanted_whole
    a_crowd_is_counted_and_not_listed
}

fn occupant(session: &str, user: &str) -> Arc<Occupant> {
    let user = Person { id: UserId::parse(user).unwrap(), name: user.to_uppercase() };
    Arc::new(Occupant { client: session.to_owned(), user })
}

/// `session@user` of those who came.
fn report(came: &[&str], went: &[&str], here: usize) -> Report {
    let came = came.iter().map(|it| it.split_once('@').unwrap());
    Report {
        room: RoomId::general(),
        whole: false,
        came: came.map(|(session, user)| occupant(session, user)).collect(),
        went: went.iter().map(|it| (*it).to_owned()).collect(),
        here,
    }
}

async fn adds_up(nodes: &dyn Nodes, report: Report) -> bool {
    !nodes.report(&report).await.unwrap().wants_whole
}

async fn numbers(nodes: &dyn Nodes) -> (u32, u32) {
    let crowd = nodes.crowd(&RoomId::general()).await.unwrap();
    (crowd.sessions, crowd.users)
}

async fn listed(nodes: &dyn Nodes) -> Vec<String> {
    let all = nodes.occupants(&RoomId::general()).await.unwrap().unwrap();
    let mut all: Vec<_> =
        all.iter().map(|it| format!("{}@{}={}", it.client, it.user.id, it.user.name)).collect();
    all.sort();
    all
}

async fn who_is_reported_is_there_until_they_are_reported_gone(subject: &mut Subject) {
    let nodes = &*subject.0;
    assert_eq!((numbers(nodes).await, listed(nodes).await), ((0, 0), vec![]));
    assert!(adds_up(nodes, report(&["1@a", "2@a", "3@b"], &[], 3)).await);
    assert_eq!(numbers(nodes).await, (3, 2));
    assert_eq!(listed(nodes).await, ["1@a=A", "2@a=A", "3@b=B"]);
    assert!(adds_up(nodes, report(&["4@c"], &["1", "3"], 2)).await);
    assert_eq!(listed(nodes).await, ["2@a=A", "4@c=C"]);
    assert!(adds_up(nodes, report(&[], &[], 2)).await, "a heartbeat");
    assert!(adds_up(nodes, report(&[], &["2", "4"], 0)).await);
    assert_eq!((numbers(nodes).await, listed(nodes).await), ((0, 0), vec![]));
}

async fn what_does_not_add_up_is_wanted_whole(subject: &mut Subject) {
    let nodes = &*subject.0;
    assert!(!adds_up(nodes, report(&["1@a"], &[], 2)).await, "somebody was not heard of");
    let whole = Report { whole: true, ..report(&["2@b", "3@b"], &[], 2) };
    assert!(adds_up(nodes, whole.clone()).await);
    assert!(adds_up(nodes, whole).await, "the same again changes nothing");
    assert_eq!(listed(nodes).await, ["2@b=B", "3@b=B"]);
    assert_eq!(numbers(nodes).await, (2, 1));
}

async fn a_crowd_is_counted_and_not_listed(subject: &mut Subject) {
    let nodes = &*subject.0;
    let came = (0..=OCCUPANTS_MAX).map(|n| occupant(&n.to_string(), &format!("u{}", n % 7)));
    let came: Vec<_> = came.collect();
    let here = came.len();
    assert!(adds_up(nodes, Report { came, ..report(&[], &[], here) }).await);
    assert_eq!(numbers(nodes).await, (u32::try_from(here).unwrap(), 7));
    assert_eq!(nodes.occupants(&RoomId::general()).await.unwrap(), None);
    assert!(adds_up(nodes, report(&[], &["0"], here - 1)).await);
    assert_eq!(nodes.occupants(&RoomId::general()).await.unwrap().unwrap().len(), here - 1);
}

#[tokio::test]
async fn every_node_hears_of_changes_and_a_silent_one_is_given_up() {
    let (url, epoch) = (shared_server().url(), new_epoch());
    let bus = bus(&url, &epoch, Arc::new(KnownHeads::of_nothing())).await;
    bus.watch(&RoomId::general()).await;
    let mortal = RedisNodes::new(redis(&url, &epoch), Duration::from_millis(300));
    let lasting = RedisNodes::new(redis(&url, &epoch), LONG);
    let tick = async || {
        let told = async {
            loop {
                if let Incoming::Passing(all) = bus.next().await {
                    match all.into_iter().next_back().unwrap() {
                        Passing::InRoom(Ephemeral {
                            body: EphemeralBody::PresenceTick(tick),
                            ..
                        }) => return tick,
                        other => panic!("{other:?}"),
                    }
                }
            }
        };
        let tick = within("a change is told", told).await;
        let names = |all: &[Person]| all.iter().map(|it| it.id.to_string()).collect::<Vec<_>>();
        (tick.count, names(&tick.joined), names(&tick.left), tick.sample.len())
    };
    assert!(adds_up(&mortal, report(&["1@a", "2@b"], &[], 2)).await);
    let (count, mut joined, left, sample) = tick().await;
    joined.sort();
    assert_eq!((count, joined, left, sample), (2, vec!["a".into(), "b".into()], vec![], 2));
    assert!(adds_up(&lasting, report(&["3@b", "4@c"], &[], 2)).await);
    assert_eq!(tick().await, (3, vec!["c".into()], vec![], 3), "b was there already");
    eventually("the silent node is given up", async || {
        assert!(adds_up(&lasting, report(&[], &[], 2)).await);
        (numbers(&lasting).await == (2, 2)).then_some(())
    })
    .await;
    assert_eq!(tick().await, (2, vec![], vec!["a".into()], 2), "b is still there by another node");
    assert_eq!(listed(&lasting).await, ["3@b=B", "4@c=C"]);
    assert!(!adds_up(&mortal, report(&[], &[], 2)).await, "back, and it has to tell all");
    assert!(adds_up(&mortal, Report { whole: true, ..report(&["1@a", "2@b"], &[], 2) }).await);
    assert_eq!(tick().await, (3, vec!["a".into()], vec![], 3));
    assert!(adds_up(&lasting, report(&["5@b"], &["3"], 2)).await);
    assert_eq!(tick().await, (3, vec![], vec![], 3), "who is new here wants to know the number");
}
