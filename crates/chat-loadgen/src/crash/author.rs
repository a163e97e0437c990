//! An author without its connection: what it has sent, what is unanswered, what to send next.
//!
//! It does what a careful client does: whatever has no final answer is sent again, with the same
//! client id, until it has one. And it does what a nasty client may: it repeats sends that were
//! acked long ago, and reuses a client id for another text.

use super::recorder::{Recorder, Said, Sent};
use super::texts;
use crate::wire;

/// Sends that may wait for an answer at once.
const WINDOW: usize = 16;
/// Acked sends that are remembered, to be repeated or clashed with.
const REMEMBERED_MAX: usize = 64;
/// One send in this many repeats one that was acked, and one in twice as many clashes with one.
const REPEAT_IN: u32 = 12;

pub(super) struct Author {
    user: String,
    rooms: Vec<String>,
    random: fastrand::Rng,
    /// May it reuse a client id for another text? A log without an index may find out too late to refuse it.
    is_nasty: bool,
    serial: u64,
    /// Without a final answer.
    open: Vec<Open>,
    acked: Vec<Letter>,
}

/// A message to be sent.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) room: usize,
    pub(super) client_id: String,
    pub(super) text: String,
    /// Its client id was used for another text before: it must be refused.
    clashes: bool,
}

struct Open {
    letter: Letter,
    /// The command that waits for an answer; `None` is to be sent.
    command: Option<u64>,
}

impl Author {
    pub(super) fn new(user: String, rooms: Vec<String>, seed: u64, is_nasty: bool) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { user, rooms, random, is_nasty, serial: 0, open: Vec::new(), acked: Vec::new() }
    }

    /// Nothing is left to be sent or answered.
    pub(super) fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Thinks of one more send, unless too many are open already.
    pub(super) fn compose(&mut self) {
        if self.open.len() >= WINDOW {
            return;
        }
        self.serial += 1;
        let new_text = texts::text(self.serial, &mut self.random);
        let old = self.random.choice(&self.acked).cloned();
        let letter = match (self.random.u32(..2 * REPEAT_IN), old) {
            (0 | 1, Some(repeat)) => repeat,
            (2, Some(old)) if self.is_nasty => Letter { text: new_text, clashes: true, ..old },
            _ => {
                let client_id = uuid::Uuid::now_v7().to_string();
                let room = self.random.usize(..self.rooms.len());
                Letter { room, client_id, text: new_text, clashes: false }
            }
        };
        self.open.push(Open { letter, command: None });
    }

    /// What is to be sent now, to be queued by `queue`, which returns the command's id.
    pub(super) fn send(&mut self, mut queue: impl FnMut(&str, &Letter) -> u64) {
        for open in self.open.iter_mut().filter(|open| open.command.is_none()) {
            open.command = Some(queue(&self.rooms[open.letter.room], &open.letter));
        }
    }

    /// The connection is gone: what was under way has no answer and will be sent again.
    pub(super) fn lost(&mut self, recorder: &mut Recorder) {
        for at in 0..self.open.len() {
            if self.open[at].command.take().is_some() {
                recorder.attempt(&self.sent(&self.open[at].letter), &Said::Nothing);
            }
        }
    }

    /// A reply came.
    pub(super) fn answered(&mut self, line: &wire::Line<'_>, recorder: &mut Recorder) {
        let Some(id) = line.id else { return };
        let Some(at) = self.open.iter().position(|open| open.command == Some(id)) else { return };
        let sent = self.sent(&self.open[at].letter);
        if let Some(error) = &line.error {
            if error.temporary {
                recorder.attempt(&sent, &Said::Unavailable(&error.message));
                self.open[at].command = None;
            } else {
                recorder.attempt(&sent, &Said::Refused(&error.message));
                let letter = self.open.swap_remove(at).letter;
                recorder.unjust += u64::from(!letter.clashes);
            }
        } else if let Some(rpc) = &line.rpc {
            let (id, durability) = (&rpc.data.id, &rpc.data.durability);
            recorder.attempt(&sent, &Said::Acked { id, durability });
            let letter = self.open.swap_remove(at).letter;
            self.remember(letter);
        }
    }

    fn remember(&mut self, letter: Letter) {
        if self.acked.len() < REMEMBERED_MAX {
            self.acked.push(letter);
        } else {
            // Some stay for very long: a repeat may be of any age.
            let at = self.random.usize(..REMEMBERED_MAX);
            self.acked[at] = letter;
        }
    }

    fn sent<'s>(&'s self, letter: &'s Letter) -> Sent<'s> {
        let Letter { room, client_id, text, .. } = letter;
        Sent { room: &self.rooms[*room], author: &self.user, client_id, text }
    }
}

#[cfg(test)]
mod tests {
    use chat_checker::Answer;

    use super::*;

    struct Scene {
        author: Author,
        recorder: Recorder,
        commands: u64,
    }

    impl Scene {
        fn new() -> Self {
            let author = Author::new("ann".into(), vec!["r".into()], 7, true);
            Self { author, recorder: Recorder::default(), commands: 0 }
        }

        /// Sends what is due; returns (command, client id) of each.
        fn send(&mut self) -> Vec<(u64, String)> {
            let mut sent = Vec::new();
            let commands = &mut self.commands;
            self.author.send(|_, letter| {
                *commands += 1;
                sent.push((*commands, letter.client_id.clone()));
                *commands
            });
            sent
        }

        fn answer(&mut self, line: &str) {
            let line = wire::read_line(line.as_bytes()).unwrap();
            self.author.answered(&line, &mut self.recorder);
        }

        fn answers(&self) -> Vec<Answer> {
            self.recorder.history.attempts.iter().map(|attempt| attempt.answer).collect()
        }
    }

    #[test]
    fn what_is_lost_is_sent_again_under_the_same_client_id() {
        let mut scene = Scene::new();
        scene.author.compose();
        let first = scene.send();
        assert!(scene.send().is_empty(), "it waits for its answer");
        scene.author.lost(&mut scene.recorder);
        let again = scene.send();
        assert_eq!(first[0].1, again[0].1);
        assert_eq!(scene.answers(), [Answer::Unanswered]);
        scene.answer(r#"{"id":2,"rpc":{"data":{"id":"e","durability":"fsync"}}}"#);
        assert!(scene.author.is_done());
        assert!(matches!(scene.answers()[1], Answer::Acked { .. }));
    }

    #[test]
    fn unavailable_is_tried_again_and_a_refusal_is_final() {
        let mut scene = Scene::new();
        scene.author.compose();
        scene.send();
        scene.answer(r#"{"id":1,"error":{"code":400,"message":"unavailable","temporary":true}}"#);
        assert_eq!(scene.send().len(), 1);
        scene.answer(r#"{"id":2,"error":{"code":407,"message":"text_too_long"}}"#);
        assert!(scene.author.is_done());
        assert_eq!(scene.answers(), [Answer::Unavailable, Answer::Refused]);
        assert_eq!(scene.recorder.unjust, 1, "nothing was wrong with that text");
    }

    #[test]
    fn an_answer_to_an_unknown_command_changes_nothing() {
        let mut scene = Scene::new();
        scene.author.compose();
        scene.send();
        scene.answer(r#"{"id":9,"rpc":{"data":{"id":"e","durability":"fsync"}}}"#);
        assert!(!scene.author.is_done() && scene.answers().is_empty());
    }

    #[test]
    fn acked_sends_are_repeated_and_clashed_with_in_time() {
        let mut scene = Scene::new();
        let (mut texts, mut repeats, mut clashes) =
            (std::collections::HashMap::<String, String>::new(), 0, 0);
        for _ in 0..1000 {
            scene.author.compose();
            let mut command = 0;
            let commands = &mut scene.commands;
            scene.author.send(|_, letter| {
                match texts.get(&letter.client_id) {
                    Some(text) if *text == letter.text => repeats += 1,
                    Some(_) => clashes += 1,
                    None => drop(texts.insert(letter.client_id.clone(), letter.text.clone())),
                }
                *commands += 1;
                command = *commands;
                command
            });
            scene.answer(&format!(r#"{{"id":{command},"rpc":{{"data":{{"id":"e"}}}}}}"#));
        }
        assert!(repeats > 30 && clashes > 15, "{repeats} repeats, {clashes} clashes");
    }
}
