//! What becomes of each draft of a group. Pure: what is known goes in, records and answers come out.

use std::collections::HashMap;

use chat_protocol::{ErrorCode, EventBody, MessageId};
use rdkafka::error::RDKafkaErrorCode;

use super::batch::Delivery;
use super::look_up::LookedUp;
use super::producer::Outgoing;
use crate::domain::log_record::{Checked, encode};
use crate::domain::record::Draft;
use crate::journal::{Committed, JournalError};

/// The drafts' answers, as far as they can be known before Kafka has spoken.
pub(super) struct Plan(Vec<(MessageId, Step)>);

enum Step {
    Answered(Result<bool, JournalError>),
    /// As Kafka says about the record; `repeat` if an earlier draft of the group is the same.
    Produced {
        record: usize,
        repeat: bool,
    },
}

impl Plan {
    /// Resolves `drafts`, checked at `at`, against what is `known` and each against those before it. A repeat within the
    /// group is not produced.
    pub(super) fn make(drafts: Vec<Draft>, known: &LookedUp, at: u64) -> (Self, Vec<Outgoing>) {
        let mut records = Vec::with_capacity(drafts.len());
        let mut produced: HashMap<MessageId, (usize, EventBody)> = HashMap::new();
        let steps = drafts.into_iter().map(|draft| {
            let id = draft.id;
            let step = match (produced.get(&id), before_producing(&draft, known)) {
                (_, Err(err)) => Step::Answered(Err(err)),
                (_, Ok(Before::InLog)) => Step::Answered(Ok(true)),
                (Some((record, body)), Ok(Before::New(_))) if *body == draft.body => {
                    Step::Produced { record: *record, repeat: true }
                }
                (Some(_), Ok(Before::New(_))) => Step::Answered(Err(reused())),
                (None, Ok(Before::New(partition))) => {
                    let checked = Checked { at, draft };
                    let (record, value) = (records.len(), encode(&checked));
                    let Draft { room, body, .. } = checked.draft;
                    let key = room.as_str().into();
                    records.push(Outgoing { partition, key, value, headers: None });
                    produced.insert(id, (record, body));
                    Step::Produced { record, repeat: false }
                }
            };
            (id, step)
        });
        let plan = Self(steps.collect());
        (plan, records)
    }

    /// The answers, given Kafka's about the records; `why` tells more about an error.
    pub(super) fn answers(
        self,
        deliveries: &[Option<Delivery>],
        why: impl Fn(RDKafkaErrorCode) -> String,
    ) -> Vec<Result<Committed, JournalError>> {
        let steps = self.0.into_iter();
        let answer = |(id, step)| {
            let repeat = match step {
                Step::Answered(answer) => answer?,
                Step::Produced { record, repeat } => {
                    taken(deliveries.get(record).and_then(Option::as_ref), &why)?;
                    repeat
                }
            };
            Ok(Committed { id, repeat })
        };
        steps.map(answer).collect()
    }
}

enum Before {
    /// The log has it.
    InLog,
    /// It has to be produced to this partition.
    New(u32),
}

fn before_producing(draft: &Draft, known: &LookedUp) -> Result<Before, JournalError> {
    let unknown = || JournalError::Unavailable("its room was not looked up".to_owned());
    let partition = known.partitions.get(&draft.room).cloned().ok_or_else(unknown)??;
    let Some(looked_up) = known.known.get(&draft.id) else { return Ok(Before::New(partition)) };
    match looked_up.clone()? {
        None => Ok(Before::New(partition)),
        Some(found) if found.body.as_ref().is_none_or(|it| *it == draft.body) => Ok(Before::InLog),
        Some(_) => Err(reused()),
    }
}

fn reused() -> JournalError {
    JournalError::Refused(ErrorCode::ClientIdReused)
}

fn taken(
    delivery: Option<&Delivery>,
    why: impl Fn(RDKafkaErrorCode) -> String,
) -> Result<(), JournalError> {
    let reason = match delivery {
        Some(Delivery::Taken) => return Ok(()),
        Some(Delivery::TooLarge) => return Err(JournalError::Refused(ErrorCode::TextTooLong)),
        Some(Delivery::OffTime { by_ms }) => format!("the clocks differ by {by_ms} ms"),
        Some(Delivery::Vague) => "kafka did not say when it took the record".to_owned(),
        Some(Delivery::Failed(code)) => why(*code),
        None => "no answer from kafka in time".to_owned(),
    };
    Err(JournalError::Unavailable(reason))
}

#[cfg(test)]
mod tests {
    use chat_protocol::object::Person;
    use chat_protocol::{ClientId, RoomId, UserId};

    use super::super::Found;
    use super::*;

    fn draft(room: &str, client_id: &str, text: &str) -> Draft {
        let author = Person { id: UserId::parse("ann").unwrap(), name: "Ann".to_owned() };
        let (room, client_id) = (RoomId::parse(room).unwrap(), ClientId::parse(client_id).unwrap());
        Draft::message(room, author, client_id, text.to_owned())
    }

    /// What is known when the room `r` is in partition 3 and these are in the log.
    fn known(found: &[(&Draft, Result<Option<Found>, JournalError>)]) -> LookedUp {
        let missing = Err(JournalError::Refused(ErrorCode::RoomNotFound));
        let partitions = [("r", Ok(3)), ("nowhere", missing)];
        let partitions = partitions.map(|(room, it)| (RoomId::parse(room).unwrap(), it));
        let known = found.iter().map(|(draft, found)| (draft.id, found.clone()));
        LookedUp { partitions: HashMap::from(partitions), known: known.collect() }
    }

    /// Kafka takes everything that is produced: how much that is, and the answers.
    fn resolve(
        drafts: &[Draft],
        known: &LookedUp,
    ) -> (usize, Vec<Result<Committed, JournalError>>) {
        let (plan, records) = Plan::make(drafts.to_vec(), known, 1);
        assert!(records.iter().all(|it| it.partition == 3));
        let deliveries = vec![Some(Delivery::Taken); records.len()];
        (records.len(), plan.answers(&deliveries, |code| code.to_string()))
    }

    fn committed(draft: &Draft, repeat: bool) -> Result<Committed, JournalError> {
        Ok(Committed { id: draft.id, repeat })
    }

    fn refused(code: ErrorCode) -> Result<Committed, JournalError> {
        Err(JournalError::Refused(code))
    }

    #[test]
    fn a_repeat_within_a_group_is_answered_as_the_first_and_not_produced() {
        let (first, other) = (draft("r", "1", "hi"), draft("r", "1", "bye"));
        let (produced, answers) = resolve(&[first.clone(), first.clone(), other], &known(&[]));
        assert_eq!(produced, 1);
        let expected =
            [committed(&first, false), committed(&first, true), refused(ErrorCode::ClientIdReused)];
        assert_eq!(answers, expected);
    }

    #[test]
    fn what_is_in_the_log_is_not_produced_again() {
        let (same, other) = (draft("r", "1", "hi"), draft("r", "1", "bye"));
        let (erased, new) = (draft("r", "2", "x"), draft("r", "3", "x"));
        let log = [
            (&same, Ok(Some(Found { body: Some(same.body.clone()) }))),
            (&erased, Ok(Some(Found { body: None }))),
            (&new, Ok(None)),
        ];
        let drafts = [other, same.clone(), erased.clone(), new.clone()];
        let (produced, answers) = resolve(&drafts, &known(&log));
        assert_eq!(produced, 1);
        let answered = [committed(&same, true), committed(&erased, true), committed(&new, false)];
        assert_eq!(answers[0], refused(ErrorCode::ClientIdReused));
        assert_eq!(answers[1..], answered);
    }

    #[test]
    fn one_draft_never_fails_another() {
        let (nowhere, unclear, good) =
            (draft("nowhere", "1", "x"), draft("r", "2", "x"), draft("r", "3", "x"));
        let behind = JournalError::Unavailable("behind".to_owned());
        let known = known(&[(&unclear, Err(behind.clone()))]);
        let (produced, answers) = resolve(&[nowhere, unclear, good.clone()], &known);
        assert_eq!(produced, 1);
        let expected = [refused(ErrorCode::RoomNotFound), Err(behind), committed(&good, false)];
        assert_eq!(answers, expected);
    }

    #[test]
    fn only_a_record_that_was_taken_in_time_is_acknowledged() {
        let drafts: Vec<_> = (0..5).map(|i| draft("r", &i.to_string(), "x")).collect();
        let deliveries = [
            Some(Delivery::OffTime { by_ms: 40_000 }),
            Some(Delivery::Vague),
            Some(Delivery::Failed(RDKafkaErrorCode::QueueFull)),
            None,
            Some(Delivery::TooLarge),
        ];
        let (plan, _) = Plan::make(drafts, &known(&[]), 1);
        let mut answers = plan.answers(&deliveries, |code| code.to_string());
        assert_eq!(answers.pop(), Some(refused(ErrorCode::TextTooLong)));
        assert!(answers.iter().all(|it| matches!(it, Err(JournalError::Unavailable(_)))));
    }
}
