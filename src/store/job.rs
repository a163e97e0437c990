//! What the writer is asked to do, and the answer that waits for the commit.

use chat_protocol::{RoomId, UserId};
use tokio::sync::oneshot;

use crate::domain::record::{Change, Draft, ReadMark};
use crate::store::{Changed, Committed, StoreError};

/// Drafts, answered one by one.
type Answers = Vec<Result<Committed, StoreError>>;

/// One caller's work.
pub enum Job {
    Commit {
        drafts: Vec<Draft>,
        answers: Answers,
        reply: oneshot::Sender<Answers>,
    },
    Change {
        change: Box<Change>,
        answer: Option<Result<Changed, StoreError>>,
        reply: oneshot::Sender<Result<Changed, StoreError>>,
    },
    /// Which a mark that is further on already doesn't mind.
    Mark {
        mark: ReadMark,
        answer: Option<Result<(), StoreError>>,
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
}

impl Job {
    pub fn commit(drafts: Vec<Draft>) -> (Self, oneshot::Receiver<Answers>) {
        let (reply, answer) = oneshot::channel();
        (Self::Commit { drafts, answers: Vec::new(), reply }, answer)
    }

    pub fn change(change: Change) -> (Self, oneshot::Receiver<Result<Changed, StoreError>>) {
        let (reply, receiver) = oneshot::channel();
        (Self::Change { change: Box::new(change), answer: None, reply }, receiver)
    }

    pub fn mark(mark: ReadMark) -> (Self, oneshot::Receiver<Result<(), StoreError>>) {
        let (reply, receiver) = oneshot::channel();
        (Self::Mark { mark, answer: None, reply }, receiver)
    }

    /// What a group is bounded by: drafts, and changes as one each.
    pub fn size(&self) -> usize {
        match self {
            Self::Commit { drafts, .. } => drafts.len(),
            Self::Change { .. } | Self::Mark { .. } => 1,
        }
    }

    /// Marks in the order in which every group takes their rows: two that took them crosswise would wait for each other.
    pub fn order(&self) -> Option<(&RoomId, &UserId)> {
        match self {
            Self::Mark { mark, .. } => Some((&mark.room, &mark.user)),
            Self::Commit { .. } | Self::Change { .. } => None,
        }
    }

    pub fn drafts(&self) -> &[Draft] {
        match self {
            Self::Commit { drafts, .. } => drafts,
            Self::Change { .. } | Self::Mark { .. } => &[],
        }
    }

    /// Forgets the answers: the group is made once more.
    pub fn reset(&mut self) {
        match self {
            Self::Commit { answers, .. } => answers.clear(),
            Self::Change { answer, .. } => *answer = None,
            Self::Mark { answer, .. } => *answer = None,
        }
    }

    /// Whatever it was, nobody knows whether it was done.
    pub fn fail(&mut self, error: &StoreError) {
        match self {
            Self::Commit { drafts, answers, .. } => {
                *answers = drafts.iter().map(|_| Err(error.clone())).collect();
            }
            Self::Change { answer, .. } => *answer = Some(Err(error.clone())),
            Self::Mark { answer, .. } => *answer = Some(Err(error.clone())),
        }
    }

    /// Tells the caller, who may have given up.
    pub fn answer(self) {
        match self {
            Self::Commit { answers, reply, .. } => drop(reply.send(answers)),
            Self::Change { answer: Some(answer), reply, .. } => drop(reply.send(answer)),
            Self::Mark { answer: Some(answer), reply, .. } => drop(reply.send(answer)),
            Self::Change { answer: None, .. } | Self::Mark { answer: None, .. } => {} // dropping the reply says "unavailable"
        }
    }
}
