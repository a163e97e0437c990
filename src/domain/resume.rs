//! Where a subscription begins: the arithmetic of epochs and offsets.

use chat_protocol::{Epoch, Offset};

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
}

/// Decides. `top` is the room's newest offset, `first` the first offset that this reader may see.
pub fn start(since: Option<&Since>, epoch: &Epoch, top: Offset, first: Offset) -> Start {
    let Some(since) = since else { return Start::Fresh };
    let same_log = since.epoch.as_ref().is_none_or(|theirs| theirs == epoch);
    // The store is the log: an offset beyond its top means a log that was rolled back.
    if !same_log || since.offset > top || since.offset + 1 < first {
        Start::Lost
    } else {
        Start::After(since.offset)
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
            assert_eq!(start(since.as_ref(), &epoch, 10, first), expected, "{since:?} {first}");
        }
    }
}
