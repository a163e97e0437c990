//! What waits to leave for one client: payloads in order, joined into frames of bounded size.

use bytes::Bytes;
use chat_protocol::Format;

/// Payloads are joined into one frame up to this many bytes; a larger one goes alone.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// A queue that has grown beyond this is given back when it is empty: an idle session owns none.
const KEPT_CAPACITY: usize = 4;

/// What one frame holds.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// With the format's separator between each two.
    pub parts: &'a [Bytes],
    pub format: Format,
    /// Of all of that, in bytes.
    pub length: usize,
}

/// The queue of one session. Its bound is the session's byte budget, kept by whoever fills it.
#[derive(Debug)]
pub struct Outbound {
    queue: Vec<Bytes>,
    format: Format,
}

impl Outbound {
    /// An empty queue of a session that speaks `format`.
    pub fn new(format: Format) -> Self {
        Self { queue: Vec::new(), format }
    }

    /// Queues a payload: one reply or push, or several already joined.
    pub fn push(&mut self, payload: Bytes) {
        self.queue.push(payload);
    }

    /// Is there nothing to send?
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Forgets what waits: the client won't read it.
    pub fn clear(&mut self) {
        self.queue = Vec::new();
    }

    /// Takes everything that waits, frame by frame.
    pub fn drain(&mut self, mut frame: impl FnMut(Payload<'_>)) {
        let mut first = 0;
        while first < self.queue.len() {
            let mut length = self.queue[first].len();
            let mut end = first + 1;
            while let Some(next) = self.queue.get(end) {
                let more = self.format.separator().len() + next.len();
                if length + more > FRAME_BYTES_MAX {
                    break;
                }
                length += more;
                end += 1;
            }
            frame(Payload { parts: &self.queue[first..end], format: self.format, length });
            first = end;
        }
        if self.queue.capacity() > KEPT_CAPACITY {
            self.queue = Vec::new();
        } else {
            self.queue.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(format: Format, payloads: &[usize]) -> Vec<(usize, usize)> {
        let mut outbound = Outbound::new(format);
        for n in payloads {
            outbound.push(Bytes::from(vec![b'x'; *n]));
        }
        let mut seen = Vec::new();
        outbound.drain(|frame| seen.push((frame.parts.len(), frame.length)));
        assert!(outbound.is_empty());
        seen
    }

    #[test]
    fn payloads_share_a_frame_as_long_as_they_fit() {
        assert_eq!(frames(Format::Json, &[]), []);
        assert_eq!(frames(Format::Json, &[3]), [(1, 3)]);
        assert_eq!(frames(Format::Json, &[3, 4]), [(2, 8)]);
        let half = FRAME_BYTES_MAX / 2;
        assert_eq!(frames(Format::Json, &[half, half]), [(1, half), (1, half)]);
        assert_eq!(frames(Format::Protobuf, &[half, half, 1]), [(2, FRAME_BYTES_MAX), (1, 1)]);
        assert_eq!(
            frames(Format::Json, &[1, FRAME_BYTES_MAX * 2, 1]),
            [(1, 1), (1, FRAME_BYTES_MAX * 2), (1, 1)]
        );
    }
}
