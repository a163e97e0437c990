//! What is said in a `NOTIFY`: who says it, and how far which rooms reach.

use std::collections::HashMap;

use chat_protocol::{Offset, RoomId, json};
use rand::distr::{Alphanumeric, SampleString};

use crate::bus::Passing;

/// PostgreSQL takes payloads below 8000 bytes.
const BYTES_MAX: usize = 7900;

/// A name for this node's notices, so that it knows its own.
pub fn draw_node() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 8)
}

/// The notices that say of each room how far it reaches.
pub fn write(node: &str, heads: impl IntoIterator<Item = (RoomId, Offset)>) -> Vec<String> {
    let mut newest: HashMap<RoomId, Offset> = HashMap::new();
    for (room, offset) in heads {
        let known = newest.entry(room).or_default();
        *known = offset.max(*known);
    }
    let mut notices = vec![node.to_owned()];
    for (room, offset) in newest {
        let entry = format!(" {room}={offset}");
        match notices.last_mut() {
            Some(last) if last.len() + entry.len() <= BYTES_MAX => last.push_str(&entry),
            _ => notices.push(format!("{node}{entry}")),
        }
    }
    notices
}

/// The notice of what is kept nowhere; `None` if it is too long for one.
pub fn write_passing(node: &str, it: &Passing) -> Option<String> {
    let json = String::from_utf8(json::encode(it)).ok()?;
    let notice = format!("{node}!{json}");
    (notice.len() <= BYTES_MAX).then_some(notice)
}

/// What is kept nowhere, from another node; `None` for any other notice.
pub fn read_passing(node: &str, notice: &str) -> Option<Passing> {
    let (other, json) = notice.split_once('!')?;
    if other == node { None } else { serde_json::from_str(json).ok() }
}

/// Reads one; `None` if it is this node's own or nobody's. What can't be read in it is left out.
pub fn read(node: &str, notice: &str) -> Option<Vec<(RoomId, Offset)>> {
    let mut words = notice.split(' ');
    if words.next() == Some(node) {
        return None;
    }
    let entry = |word: &str| {
        let (room, offset) = word.rsplit_once('=')?;
        Some((RoomId::read(room).ok()?, offset.parse().ok()?))
    };
    Some(words.filter_map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_others_and_the_newest_counts() {
        let room = |n: u32| RoomId::parse(&format!("room-{n}")).unwrap();
        let heads = (0..3000).map(|n| (room(n % 1000), u64::from(n)));
        let notices = write("me", heads);
        assert!(notices.len() > 1 && notices.iter().all(|notice| notice.len() <= BYTES_MAX));
        assert_eq!(read("me", &notices[0]), None);
        let mut all: Vec<_> = notices.iter().flat_map(|n| read("other", n).unwrap()).collect();
        all.sort_by_key(|(_, offset)| *offset);
        assert_eq!(all, (2000..3000).map(|n| (room(n % 1000), u64::from(n))).collect::<Vec<_>>());
        let open = RoomId::open("a!b=7").unwrap();
        let notices = write("me", [(open.clone(), 3)]);
        assert_eq!(read_passing("other", &notices[0]), None);
        assert_eq!(read("other", &notices[0]), Some(vec![(open, 3)]));
        assert_eq!(read("me", "x a=1 b c=d =2 e!=3"), Some(vec![(RoomId::parse("a").unwrap(), 1)]));
    }
}
