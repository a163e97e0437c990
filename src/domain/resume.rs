//! Where a subscription begins: the arithmetic of epochs and offsets.

use chat_protocol::{Epoch, Offset};

use crate::mutants;

/// What a client says it has: everything up to and including `offset` of `epoch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// `None` where the client never learned one.
    pub epoch: Option<Epoch>,
    pub offset: Offset,
}

/// What a client calls an epoch: `None` if it names none. One that can't be ours is another log's.
pub fn epoch_of(text: &str) -> Option<Epoch> {
    const ANOTHER: &str = "_";
    let parse = || Epoch::parse(text).or_else(|_| Epoch::parse(ANOTHER)).ok();
    if text.is_empty() { None } else { parse() }
}

/// How to serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From now on; nothing was asked for.
    Fresh,
    /// Everything after this offset, then from now on.
    After(Offset),
    /// What was asked for is gone, and the client must be told so.
    Lost,
    /// The client has what has not come here yet: nothing is lost, and it is to try again.
    NotYet,
}

/// How a room comes by its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// The store, which is the log: an offset beyond its top means a log that was rolled back.
    Log,
    /// Projections of a log, which may be behind it, and behind what was delivered: emptied, restored, replaced.
    Projections,
}

/// Decides. `top` is the room's newest offset, `first` the first offset that this reader may see.
pub fn start(
    since: Option<&Since>,
    epoch: &Epoch,
    follows: Follows,
    top: Offset,
    first: Offset,
) -> Start {
    let Some(since) = since else { return Start::Fresh };
    let same_log = since.epoch.as_ref().is_none_or(|theirs| theirs == epoch);
    if (!same_log || since.offset.saturating_add(1) < first) && !mutants::is("recover-what-is-lost")
    {
        return Start::Lost;
    }
    match follows {
        Follows::Log if since.offset > top => Start::Lost,
        Follows::Projections if since.offset > top => Start::NotYet,
        _ if mutants::is("resume-off-by-one") => Start::After(top.min(since.offset + 1)),
        _ => Start::After(since.offset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_is_refused_only_where_something_would_be_missing() {
        let epoch = Epoch::parse("0.aaaaaaaa").unwrap();
        let other = Epoch::parse("1.bbbbbbbb").unwrap();
        let at = |epoch: Option<&Epoch>, offset| Some(Since { epoch: epoch.cloned(), offset });
        for (since, first, expected) in [
            (None, 1, Start::Fresh),
            (at(Some(&epoch), 10), 1, Start::After(10)),
            (at(None, 10), 1, Start::After(10)),
            (at(Some(&epoch), 0), 1, Start::After(0)),
            (at(Some(&other), 10), 1, Start::Lost),
            (at(Some(&epoch), 11), 1, Start::Lost),
            (at(Some(&epoch), 5), 6, Start::After(5)),
            (at(Some(&epoch), 4), 6, Start::Lost),
            (at(epoch_of("").as_ref(), 10), 1, Start::After(10)),
            (at(epoch_of("é").as_ref(), 10), 1, Start::Lost),
        ] {
            let start = start(since.as_ref(), &epoch, Follows::Log, 10, first);
            assert_eq!(start, expected, "{since:?} {first}");
        }
    }

    // The crash harness found this: Redis and PostgreSQL had come back behind what a reader had, who was told to begin anew.
    #[test]
    fn who_is_ahead_of_a_projection_has_lost_nothing() {
        let epoch = Epoch::parse("0.aaaaaaaa").unwrap();
        let other = Epoch::parse("1.bbbbbbbb").unwrap();
        for (theirs, offset, expected) in [
            (&epoch, 11, Start::NotYet),
            (&epoch, Offset::MAX, Start::NotYet),
            (&epoch, 10, Start::After(10)),
            (&other, 11, Start::Lost),
        ] {
            let since = Since { epoch: Some(theirs.clone()), offset };
            assert_eq!(start(Some(&since), &epoch, Follows::Projections, 10, 1), expected);
        }
    }
}
