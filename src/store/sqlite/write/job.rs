//! What the writer is asked to do, and the answer that waits for the commit.

use tokio::sync::oneshot;

use crate::domain::record::{Change, Draft};
use crate::store::{Changed, Committed, StoreError};

/// Drafts, answered one by one.
type Answers = Vec<Result<Committed, StoreError>>;

/// One caller's work.
pub(in crate::store::sqlite) enum Job {
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
}

impl Job {
    pub(in crate::store::sqlite) fn commit(
        drafts: Vec<Draft>,
    ) -> (Self, oneshot::Receiver<Answers>) {
        let (reply, answer) = oneshot::channel();
        (Self::Commit { drafts, answers: Vec::new(), reply }, answer)
    }

    pub(in crate::store::sqlite) fn change(
        change: Change,
    ) -> (Self, oneshot::Receiver<Result<Changed, StoreError>>) {
        let (reply, receiver) = oneshot::channel();
        (Self::Change { change: Box::new(change), answer: None, reply }, receiver)
    }

    /// What a group is bounded by.
    pub(in crate::store::sqlite) fn drafts(&self) -> usize {
        match self {
            Self::Commit { drafts, .. } => drafts.len(),
            Self::Change { .. } => 1,
        }
    }

    /// Forgets the answers: the group is made once more.
    pub(in crate::store::sqlite) fn reset(&mut self) {
        match self {
            Self::Commit { answers, .. } => answers.clear(),
            Self::Change { answer, .. } => *answer = None,
        }
    }

    /// Whatever it was, nobody knows whether it was done.
    pub(in crate::store::sqlite) fn fail(&mut self, error: &StoreError) {
        match self {
            Self::Commit { drafts, answers, .. } => {
                *answers = drafts.iter().map(|_| Err(error.clone())).collect();
            }
            Self::Change { answer, .. } => *answer = Some(Err(error.clone())),
        }
    }

    /// Tells the caller, who may have given up.
    pub(in crate::store::sqlite) fn answer(self) {
        match self {
            Self::Commit { answers, reply, .. } => drop(reply.send(answers)),
            Self::Change { answer: Some(answer), reply, .. } => drop(reply.send(answer)),
            Self::Change { answer: None, .. } => {} // dropping the reply says "unavailable"
        }
    }
}
