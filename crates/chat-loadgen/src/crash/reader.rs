//! A reader without its connection: where it stands in each room, and what it is told.

use anyhow::{Result, bail};

use super::recorder::Recorder;
use crate::wire;

/// One resume in this many starts at a random older place, and one in ten times as many at the
/// very beginning: resume is promised from any age.
const OLD_PLACE_IN: u32 = 5;

pub(super) struct Reader {
    pub(super) name: String,
    random: fastrand::Rng,
    rooms: Vec<Reading>,
}

/// One room as this reader knows it.
struct Reading {
    room: String,
    channel: String,
    /// Epoch and offset of the last event seen.
    place: Option<(String, u64)>,
    /// A subscribe that waits for its reply, and from where it asked to go on.
    asking: Option<(u64, Option<(String, u64)>)>,
    subscribed: bool,
}

impl Reader {
    pub(super) fn new(name: String, rooms: &[String], seed: u64) -> Self {
        let reading = |room: &String| Reading {
            room: room.clone(),
            channel: wire::channel_of(room),
            place: None,
            asking: None,
            subscribed: false,
        };
        let (random, rooms) = (fastrand::Rng::with_seed(seed), rooms.iter().map(reading).collect());
        Self { name, random, rooms }
    }

    /// Whether it has seen each room up to its head, in the order of the rooms.
    pub(super) fn has_reached(&self, heads: &[u64]) -> bool {
        let reached = |(reading, head): (&Reading, &u64)| {
            reading.place.as_ref().is_some_and(|(_, offset)| offset >= head)
        };
        self.rooms.iter().zip(heads).all(reached)
    }

    /// The connection is gone.
    pub(super) fn lost(&mut self) {
        for reading in &mut self.rooms {
            (reading.asking, reading.subscribed) = (None, false);
        }
    }

    /// What is to be subscribed now, to be queued by `queue`, which returns the command's id.
    pub(super) fn subscribe(&mut self, mut queue: impl FnMut(&str, Option<(&str, u64)>) -> u64) {
        let random = &mut self.random;
        for reading in &mut self.rooms {
            if reading.subscribed || reading.asking.is_some() {
                continue;
            }
            let from = reading.place.as_ref().map(|(epoch, last)| {
                let offset = match random.u32(..10 * OLD_PLACE_IN) {
                    0 => 0,
                    1..=10 => random.u64(..=*last),
                    _ => *last,
                };
                (epoch.clone(), offset)
            });
            let asked = from.as_ref().map(|(epoch, offset)| (epoch.as_str(), *offset));
            reading.asking = Some((queue(&reading.room, asked), from));
        }
    }

    /// A line came; whether it asks for a pong.
    ///
    /// # Errors
    /// Something that a server must not say to this reader.
    pub(super) fn told(&mut self, line: &wire::Line<'_>, recorder: &mut Recorder) -> Result<bool> {
        if let Some(push) = &line.push {
            self.pushed(push, recorder)?;
        } else if let Some(id) = line.id {
            self.answered(id, line, recorder)?;
        }
        Ok(line.is_ping())
    }

    fn answered(&mut self, id: u64, line: &wire::Line<'_>, recorder: &mut Recorder) -> Result<()> {
        let asks =
            |reading: &&mut Reading| reading.asking.as_ref().is_some_and(|(ask, _)| *ask == id);
        let Some(reading) = self.rooms.iter_mut().find(asks) else { return Ok(()) };
        let asked = reading.asking.take().and_then(|(_, from)| from);
        if let Some(error) = &line.error {
            if error.temporary {
                return Ok(()); // It asks again.
            }
            bail!("subscribe refused: {} {}", error.code, error.message);
        }
        let Some(reply) = &line.subscribe else { bail!("a subscribe was answered otherwise") };
        let from = asked.as_ref().map(|(epoch, offset)| (epoch.as_str(), *offset));
        recorder.subscribed(&self.name, &reading.room, from, reply);
        reading.subscribed = true;
        reading.place = Some((reply.epoch.clone().into_owned(), reply.offset));
        for publication in &reply.publications {
            reading.see(&self.name, publication, recorder);
        }
        Ok(())
    }

    fn pushed(&mut self, push: &wire::Push<'_>, recorder: &mut Recorder) -> Result<()> {
        if let Some(end) = &push.disconnect {
            bail!("disconnected: {} {}", end.code, end.reason);
        }
        let here = |reading: &&mut Reading| reading.channel == push.channel;
        let Some(reading) = self.rooms.iter_mut().find(here) else { return Ok(()) };
        if let Some(end) = &push.unsubscribe {
            if end.code < 2500 {
                bail!("unsubscribed for good: {} {}", end.code, end.reason);
            }
            reading.subscribed = false;
        }
        if let Some(publication) = &push.publication {
            reading.see(&self.name, publication, recorder);
        }
        Ok(())
    }
}

impl Reading {
    fn see(&mut self, reader: &str, publication: &wire::Publication<'_>, recorder: &mut Recorder) {
        let Some(offset) = publication.offset else { return };
        recorder.received(reader, &self.room, offset, &publication.data);
        if let Some((_, last)) = &mut self.place {
            *last = offset.max(*last);
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_checker::Live;

    use super::*;

    struct Scene {
        reader: Reader,
        recorder: Recorder,
        commands: u64,
    }

    impl Scene {
        fn new() -> Self {
            let reader = Reader::new("ann".into(), &["r".to_owned()], 1);
            Self { reader, recorder: Recorder::default(), commands: 0 }
        }

        fn subscribe(&mut self) -> Vec<Option<(String, u64)>> {
            let (mut asked, commands) = (Vec::new(), &mut self.commands);
            self.reader.subscribe(|_, from| {
                asked.push(from.map(|(epoch, offset)| (epoch.to_owned(), offset)));
                *commands += 1;
                *commands
            });
            asked
        }

        fn told(&mut self, line: &str) -> Result<bool> {
            self.reader.told(&wire::read_line(line.as_bytes()).unwrap(), &mut self.recorder)
        }
    }

    fn pushed(offset: u64) -> String {
        format!(
            r#"{{"push":{{"channel":"room:r","pub":{{"data":{{"type":"x"}},"offset":{offset}}}}}}}"#
        )
    }

    #[test]
    fn a_resume_never_asks_beyond_what_was_seen() {
        let mut scene = Scene::new();
        assert_eq!(scene.subscribe(), [None]);
        scene.told(r#"{"id":1,"subscribe":{"epoch":"e","offset":4}}"#).unwrap();
        scene.told(&pushed(5)).unwrap();
        assert!(scene.reader.has_reached(&[5]) && !scene.reader.has_reached(&[6]));
        let (mut older, mut latest) = (0, 0);
        for _ in 0..200 {
            scene.reader.lost();
            let asked = scene.subscribe().remove(0).unwrap();
            assert!(asked.0 == "e" && asked.1 <= 5, "{asked:?}");
            *(if asked.1 == 5 { &mut latest } else { &mut older }) += 1;
        }
        assert!(older > 10 && latest > 100, "{older} older, {latest} latest");
    }

    #[test]
    fn reply_publications_and_pushes_are_recorded_in_order() {
        let mut scene = Scene::new();
        scene.subscribe();
        let reply = r#"{"id":1,"subscribe":{"epoch":"e","offset":1,"recovered":true,
            "publications":[{"data":{"type":"x"},"offset":2}]}}"#;
        scene.told(reply).unwrap();
        scene.told(&pushed(3)).unwrap();
        let offsets: Vec<_> = (scene.recorder.history.live.iter())
            .map(|live| match live {
                Live::Subscribed { subscription, .. } => subscription.at.offset,
                Live::Received { event, .. } => event.offset,
                _ => 0,
            })
            .collect();
        assert_eq!(offsets, [1, 2, 3]);
    }

    #[test]
    fn an_unsubscribe_to_resume_is_followed_by_a_subscribe() {
        let mut scene = Scene::new();
        scene.subscribe();
        scene.told(r#"{"id":1,"subscribe":{"epoch":"e","offset":1}}"#).unwrap();
        assert!(scene.subscribe().is_empty());
        scene.told(r#"{"push":{"channel":"room:r","unsubscribe":{"code":2500}}}"#).unwrap();
        assert_eq!(scene.subscribe().len(), 1);
    }

    #[test]
    fn what_ends_reading_for_good_is_an_error() {
        let mut scene = Scene::new();
        scene.subscribe();
        let temporary = r#"{"id":1,"error":{"code":400,"message":"unavailable","temporary":true}}"#;
        assert!(scene.told(temporary).is_ok());
        assert_eq!(scene.subscribe().len(), 1);
        assert!(scene.told(r#"{"id":2,"error":{"code":103,"message":"no"}}"#).is_err());
        assert!(scene.told("{}").unwrap(), "a ping asks for a pong");
        let end = r#"{"push":{"channel":"room:r","unsubscribe":{"code":2100}}}"#;
        assert!(scene.told(end).is_err());
    }
}
