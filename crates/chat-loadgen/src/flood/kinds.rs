//! The kinds of abuser.

/// One way of being a nuisance, at full speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sends to the users' own room without waiting for answers.
    Commands,
    /// Frames as large as they may be, and now and then a byte larger.
    LargestFrames,
    /// What is no command, and again on a new connection.
    Malformed,
    /// Connections that say nothing, some of them not even what they are.
    Silent,
    /// Members of the users' room that ask for pages and never read.
    NeverReading,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Commands, Self::LargestFrames, Self::Malformed, Self::Silent, Self::NeverReading];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Commands => "commands as fast as they go",
            Self::LargestFrames => "the largest frames",
            Self::Malformed => "malformed frames, and reconnect",
            Self::Silent => "connects that say nothing",
            Self::NeverReading => "never reading",
        }
    }
}
