//! RedisBus as a subject of the suite that all buses pass.

use super::super::bus::BusSubject;
use super::*;

pub struct RedisSubject {
    bus: Arc<RedisBus>,
    heads: Arc<KnownHeads>,
}

impl RedisSubject {
    pub async fn start() -> Self {
        let heads = Arc::new(KnownHeads::of_nothing());
        let bus = bus(&shared_server().url(), &new_epoch(), heads.clone()).await;
        Self { bus: Arc::new(bus), heads }
    }
}

impl BusSubject for RedisSubject {
    fn bus(&self) -> Arc<dyn Bus> {
        self.bus.clone()
    }

    fn log_reaches(&self, room: &RoomId, offset: Offset) {
        self.heads.set(room, offset);
    }
}
