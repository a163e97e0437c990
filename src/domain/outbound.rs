//! What waits to leave for one client: payloads in order, joined into frames of bounded size.

use bytes::Bytes;

/// Payloads are joined into one frame up to this many bytes; a larger one goes alone.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// A queue that has grown beyond this is given back when it is empty: an idle session owns none.
const KEPT_CAPACITY: usize = 4;

/// The queue of one session. Its bound is the session's byte budget, kept by whoever fills it.
#[derive(Debug, Default)]
pub struct Outbound {
    queue: Vec<Bytes>,
}

impl Outbound {
    /// Queues a payload: one JSON object, or several joined by newlines.
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

    /// Takes everything that waits, frame by frame: `frame` is given the payloads of one frame and their total
    /// length with a newline between each two.
    pub fn drain(&mut self, mut frame: impl FnMut(&[Bytes], usize)) {
        let mut first = 0;
        while first < self.queue.len() {
            let mut length = self.queue[first].len();
            let mut end = first + 1;
            while let Some(next) = self.queue.get(end) {
                if length + 1 + next.len() > FRAME_BYTES_MAX {
                    break;
                }
                length += 1 + next.len();
                end += 1;
            }
            frame(&self.queue[first..end], length);
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

    fn frames(payloads: &[usize]) -> Vec<(usize, usize)> {
        let mut outbound = Outbound::default();
        for n in payloads {
            outbound.push(Bytes::from(vec![b'x'; *n]));
        }
        let mut seen = Vec::new();
        outbound.drain(|parts, length| seen.push((parts.len(), length)));
        assert!(outbound.is_empty());
        seen
    }

    #[test]
    fn payloads_share_a_frame_as_long_as_they_fit() {
        assert_eq!(frames(&[]), []);
        assert_eq!(frames(&[3]), [(1, 3)]);
        assert_eq!(frames(&[3, 4]), [(2, 8)]);
        let half = FRAME_BYTES_MAX / 2;
        assert_eq!(frames(&[half, half]), [(1, half), (1, half)]);
        assert_eq!(
            frames(&[1, FRAME_BYTES_MAX * 2, 1]),
            [(1, 1), (1, FRAME_BYTES_MAX * 2), (1, 1)]
        );
    }
}
