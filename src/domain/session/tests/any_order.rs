//! Whatever comes in whatever order.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Frame(Vec<usize>),
    Tick(u64),
    Authenticated(bool),
    Refreshed(Ticket, bool),
    Answer(Ticket),
    Attached(Ticket),
    Page(Ticket),
    Refused(Ticket),
    Detached(Ticket),
    Drained,
}

/// Requests; the connect is drawn often enough to get somewhere, malformed text seldom.
const REQUESTS: &[&str] = &[
    r#""connect":{"token":"t"}"#,
    r#""subscribe":{"channel":"room:a"}"#,
    r#""subscribe":{"channel":"room:b","recover":true,"offset":3}"#,
    r#""unsubscribe":{"channel":"room:a"}"#,
    r#""unsubscribe":{"channel":"room:b"}"#,
    r#""rpc":{"method":"user.me"}"#,
    r#""rpc":{"method":"nonsense"}"#,
    r#""publish":{"channel":"room:a","data":{"text":"x"}}"#,
    r#""history":{"channel":"room:b","limit":-1}"#,
    r#""send":{"data":{"method":"user.me"}}"#,
    r#""refresh":{"token":"t"}"#,
];

fn step() -> impl Strategy<Value = Step> {
    let ticket = 0u32..8;
    prop_oneof![
        6 => prop::collection::vec(1..REQUESTS.len(), 1..4).prop_map(Step::Frame),
        1 => Just(Step::Frame(vec![0])),
        2 => (0u64..3_000).prop_map(Step::Tick),
        1 => any::<bool>().prop_map(Step::Authenticated),
        2 => (ticket.clone(), any::<bool>()).prop_map(|(it, good)| Step::Refreshed(it, good)),
        2 => ticket.clone().prop_map(Step::Answer),
        2 => ticket.clone().prop_map(Step::Attached),
        1 => ticket.clone().prop_map(Step::Page),
        1 => ticket.clone().prop_map(Step::Refused),
        1 => ticket.prop_map(Step::Detached),
        1 => Just(Step::Drained),
    ]
}

/// Keeps the books: which ids were sent, how often each was answered.
struct Books {
    bench: Bench,
    last_id: u32,
    replies: HashMap<u32, usize>,
    sends: Vec<u32>,
    closed: bool,
}

impl Books {
    fn frame(&mut self, requests: &[usize]) -> String {
        let mut frame = String::new();
        for request in requests {
            self.last_id += 1;
            if REQUESTS[*request].starts_with(r#""send""#) {
                self.sends.push(self.last_id);
            }
            frame += &format!("{{\"id\":{},{}}}\n", self.last_id, REQUESTS[*request]);
        }
        frame
    }

    fn act(&mut self, step: &Step) {
        let frame = if let Step::Frame(them) = step { self.frame(them) } else { String::new() };
        let now = self.bench.now + if let Step::Tick(ms) = step { *ms } else { 0 };
        self.bench.now = now;
        let effects = self.bench.effects(|s, e| match step {
            Step::Frame(_) => s.on_frame(frame.as_bytes(), now, e),
            Step::Tick(_) => s.on_tick(now, e),
            Step::Authenticated(true) => s.on_authenticated(Ok(admitted()), now, 0, &welcome, e),
            Step::Authenticated(false) => {
                s.on_authenticated(Err(Denied::Expired), now, 0, &welcome, e);
            }
            Step::Refreshed(ticket, good) => {
                let result = if *good { Ok(admitted()) } else { Err(Denied::Unavailable) };
                s.on_refreshed(*ticket, result, now, 0, e);
            }
            Step::Answer(ticket) => s.on_answer(*ticket, data("{}"), e),
            Step::Attached(ticket) => s.on_attached(*ticket, recovered(3, 5), e),
            Step::Page(ticket) => s.on_page(*ticket, page(3, 5), e),
            Step::Refused(ticket) => s.on_refused(*ticket, ErrorCode::NotAMember, e),
            Step::Detached(ticket) => s.on_detached(*ticket, CloseCode::LostPlace, e),
            Step::Drained => s.on_drained(now, e),
        });
        self.note(effects);
    }

    /// Counts the replies; does at once what a shell does at once.
    fn note(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            assert!(!self.closed, "nothing comes after the close: {effect:?}");
            match effect {
                Effect::Close(_) => self.closed = true,
                Effect::Reply(reply) => {
                    if let Some(id) = read(&reply)["id"].as_u64() {
                        *self.replies.entry(u32::try_from(id).unwrap()).or_default() += 1;
                    }
                }
                Effect::Detach { ticket, .. } => {
                    let code = CloseCode::Unsubscribed;
                    let effects = self.bench.effects(|s, e| s.on_detached(ticket, code, e));
                    self.note(effects);
                }
                _ => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn every_command_is_answered_once_in_time_or_the_session_is_closed(
        admitted in prop::bool::weighted(0.9),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let bench = if admitted { Bench::live() } else { Bench::new(policy()) };
        let last_id = u32::from(admitted);
        let (replies, sends) = (HashMap::from_iter(admitted.then_some((1, 1))), Vec::new());
        let mut books = Books { bench, last_id, replies, sends, closed: false };
        for step in &steps {
            books.act(step);
            prop_assert!(books.replies.values().all(|count| *count == 1), "{:?}", books.replies);
        }
        // Longer than a connect or a reply may take, and shorter than the first ping and its pong.
        let due = books.bench.session.due_at();
        prop_assert!(books.closed || due <= books.bench.now + 25_000, "it will look again");
        books.act(&Step::Tick(4_000));
        if !books.closed && books.bench.session.user().is_some() {
            for id in 1..=books.last_id {
                let answered = books.replies.contains_key(&id);
                prop_assert_eq!(answered, !books.sends.contains(&id), "command {}", id);
            }
        } else {
            books.act(&Step::Tick(10_000));
            prop_assert!(books.closed, "who is not in is stale by now");
        }
    }
}
