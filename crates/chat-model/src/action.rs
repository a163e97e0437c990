//! What may happen.

use crate::record::Message;

/// One step of anyone. A relay, a reader, a flight is named by where it stands in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// An author sends a message, or sends it again; `redis` gives it its place, in the variant where Redis does.
    Send { message: Message, redis: usize },
    /// The log takes a record, and whoever awaits it hears so.
    Land { flight: usize },

    /// A relay looks where its Redis stands.
    Attach { relay: usize },
    /// A relay has `records` folded from where it goes on reading.
    Relay { relay: usize, records: usize },
    /// A relay that finds nothing in its Redis reads the store.
    Stage { relay: usize },
    /// It puts in place what it has read, unless there is something by now.
    Promote { relay: usize },
    /// A relay notices the failover.
    RelayFollows { relay: usize },

    /// The Persister folds the next record into the store.
    Persist,
    /// A wrong Persister writes the rows that it owes.
    WriteOwed,

    /// A publication that has come to a reader's node is handed to the room.
    Hear { reader: usize, waiting: usize },
    /// The room is compared with how far it reaches elsewhere.
    Compare { reader: usize },
    /// What the room has asked for is read.
    Repair { reader: usize },
    /// A reader's node notices the failover.
    ReaderFollows { reader: usize },

    /// Time goes on to the next moment.
    Tick,
    /// What Redis has reaches its replica.
    Replicate,
    /// The log takes a record, and nobody hears of it.
    LandUnheard { flight: usize },
    /// An author waits no longer; the record is still on its way.
    GiveUp { message: Message },
    /// A record is lost on its way.
    LoseRecord { flight: usize },
    /// The replica takes over.
    FailOver,
    /// A Redis is emptied.
    Wipe { redis: usize },
    /// A publication is lost.
    LosePublication { reader: usize, waiting: usize },
    /// As `Relay`, but the script dies in its middle.
    RelayHalf { relay: usize, records: usize },
    /// A relay dies and begins anew.
    CrashRelay { relay: usize },
    /// A reader's node dies; they go on elsewhere from what they have.
    CrashReader { reader: usize },
    /// A Persister dies, and what it owed is never written.
    CrashPersister,
}
