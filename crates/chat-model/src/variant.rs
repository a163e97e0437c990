//! Variants: the server as it is, and servers that are wrong in one thing each. A model that doesn't refute the latter
//! proves nothing about the former.

use crate::properties;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// As it is.
    Right,
    /// The author is told when the record leaves, not when the log has it.
    AckBeforeDurable,
    /// A record that the log took too late is acked, though the fold makes it a void.
    AckOffTime,
    /// Redis gives the place and publishes; the log gets the record with its place afterwards.
    PlaceFromRedis,
    /// The store moves its cursor in one transaction and writes the rows in the next.
    CursorBeforeRows,
    /// The relay script applies a run wherever the cursor stands.
    NoFence,
    /// A room folds a record again that it has folded before.
    NoGuard,
    /// Both.
    NoFenceNorGuard,
    /// A room delivers whatever lies beyond its place.
    SkipsGaps,
    /// A Redis that was emptied is built from the store without the client ids.
    RebuildWithoutIds,
    /// Redis forgets client ids when its own clock says so, as with a time to live.
    ForgetsByOwnClock,
    /// A retry goes straight to the log, however old its client id is.
    NoLookUp,
    /// A store that is behind the log says of what it hasn't got that the log hasn't either.
    LaggingLookUp,
    /// A record that the log took too late is an event like any other.
    AcceptsOffTime,
}

impl Variant {
    /// The wrong ones.
    pub const WRONG: [Self; 13] = [
        Self::AckBeforeDurable,
        Self::AckOffTime,
        Self::PlaceFromRedis,
        Self::CursorBeforeRows,
        Self::NoFence,
        Self::NoGuard,
        Self::NoFenceNorGuard,
        Self::SkipsGaps,
        Self::RebuildWithoutIds,
        Self::ForgetsByOwnClock,
        Self::NoLookUp,
        Self::LaggingLookUp,
        Self::AcceptsOffTime,
    ];

    /// The property that it breaks; `None` for the right one.
    pub const fn breaks(self) -> Option<&'static str> {
        Some(match self {
            Self::Right => return None,
            Self::AckOffTime => properties::ACKED_IS_LOGGED,
            Self::PlaceFromRedis => properties::ONE_PLACE_ONE_EVENT,
            Self::AckBeforeDurable | Self::CursorBeforeRows => properties::AT_REST_ALL_IS_DONE,
            Self::NoFence
            | Self::NoGuard
            | Self::NoFenceNorGuard
            | Self::SkipsGaps
            | Self::RebuildWithoutIds
            | Self::ForgetsByOwnClock => properties::SEEN_IS_FOLDED,
            Self::NoLookUp | Self::LaggingLookUp | Self::AcceptsOffTime => properties::NEVER_TWICE,
        })
    }

    /// Does the relay script refuse a run that begins beyond its cursor?
    pub const fn has_fence(self) -> bool {
        !matches!(self, Self::NoFence | Self::NoFenceNorGuard)
    }

    /// Does a room skip what it has folded before?
    pub const fn has_guard(self) -> bool {
        !matches!(self, Self::NoGuard | Self::NoFenceNorGuard)
    }
}
