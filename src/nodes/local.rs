//! LocalNodes: one node, or several that know nothing of each other's people.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chat_protocol::ephemeral::PresenceTick;
use chat_protocol::object::{Occupant, Person};
use chat_protocol::server::Crowd;
use chat_protocol::{RoomId, UserId};
use indexmap::IndexMap;

use super::{Nodes, OCCUPANTS_MAX, Report, Reported, SAMPLE_MAX};
use crate::store::StoreError;

#[derive(Default)]
struct Room {
    /// By the session's name.
    occupants: IndexMap<String, Arc<Occupant>>,
    /// How many sessions each user has.
    users: IndexMap<UserId, (u32, Person)>,
}

impl Room {
    fn enter(&mut self, it: &Arc<Occupant>, tick: &mut PresenceTick) {
        if self.occupants.insert(it.client.clone(), it.clone()).is_some() {
            return;
        }
        let (sessions, person) =
            self.users.entry(it.user.id.clone()).or_insert_with(|| (0, it.user.clone()));
        *sessions += 1;
        *person = it.user.clone();
        if *sessions == 1 {
            tick.joined.push(it.user.clone());
        }
    }

    fn leave(&mut self, client: &str, tick: &mut PresenceTick) {
        let Some(it) = self.occupants.swap_remove(client) else { return };
        let Some((sessions, _)) = self.users.get_mut(&it.user.id) else { return };
        *sessions -= 1;
        if *sessions == 0
            && let Some((_, person)) = self.users.swap_remove(&it.user.id)
        {
            tick.left.push(person);
        }
    }

    fn crowd(&self) -> Crowd {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Crowd { sessions: count(self.occupants.len()), users: count(self.users.len()) }
    }
}

/// See the module.
#[derive(Default)]
pub struct LocalNodes {
    rooms: Mutex<HashMap<RoomId, Room>>,
}

impl LocalNodes {
    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomId, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Nodes for LocalNodes {
    async fn report(&self, report: &Report) -> Result<Reported, StoreError> {
        let mut rooms = self.rooms();
        let room = rooms.entry(report.room.clone()).or_default();
        let mut tick = PresenceTick::default();
        report.came.iter().for_each(|it| room.enter(it, &mut tick));
        if report.whole {
            let here: HashSet<&String> = report.came.iter().map(|it| &it.client).collect();
            let gone = room.occupants.keys().filter(|it| !here.contains(it));
            let gone: Vec<String> = gone.cloned().collect();
            gone.iter().for_each(|client| room.leave(client, &mut tick));
        }
        report.went.iter().for_each(|client| room.leave(client, &mut tick));
        tick.count = room.crowd().users;
        tick.sample =
            room.users.values().take(SAMPLE_MAX).map(|(_, person)| person.clone()).collect();
        let wants_whole = room.occupants.len() != report.here;
        if room.occupants.is_empty() {
            rooms.remove(&report.room);
        }
        // Whoever came wants to know how many are there, though others knew their user already.
        let is_news = !report.came.is_empty() || !tick.left.is_empty();
        Ok(Reported { wants_whole, users: tick.count, tick: is_news.then_some(tick) })
    }

    async fn crowd(&self, room: &RoomId) -> Result<Crowd, StoreError> {
        Ok(self.rooms().get(room).map(Room::crowd).unwrap_or_default())
    }

    async fn occupants(&self, room: &RoomId) -> Result<Option<Vec<Occupant>>, StoreError> {
        let rooms = self.rooms();
        let Some(room) = rooms.get(room) else { return Ok(Some(Vec::new())) };
        let all = || room.occupants.values().map(|it| Occupant::clone(it)).collect();
        Ok((room.occupants.len() <= OCCUPANTS_MAX).then(all))
    }
}
