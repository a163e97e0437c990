//! Texts that are all different, and awkward.

/// Pieces that escaping, byte counting and normalising could get wrong.
const PIECES: &[&str] = &[
    "word",
    "\"quoted\"",
    "back\\slash",
    "line\nbreak",
    "é",
    "e\u{301}",
    "日本",
    "🦀",
    "</b>",
    "{}",
];

/// A text that nobody else sends: it begins with its serial number.
pub(super) fn text(serial: u64, random: &mut fastrand::Rng) -> String {
    let pieces = (0..random.usize(..12)).filter_map(|_| random.choice(PIECES).copied());
    let middle: Vec<_> = pieces.collect();
    format!("{serial} {} end", middle.join(" "))
}
