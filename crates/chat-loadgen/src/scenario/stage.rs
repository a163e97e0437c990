//! Setting the scene: guests, rooms, memberships, and everyone in their seat.

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::Target;
use crate::engine::Engine;
use crate::link::Link;
use crate::rest::{Guest, Rest};

/// Requests and handshakes under way at once.
const CONCURRENCY: usize = 32;

/// Who sits where; indices are into the cast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatPlan {
    pub guest: usize,
    pub rooms: Vec<usize>,
    /// Writes to the first of its rooms.
    pub writes: bool,
}

/// Guests and rooms, made before anyone connects, so that nothing happens in a room afterwards
/// but what the load does. A floor knows no guests, and its rooms need no making.
pub struct Cast {
    guests: Vec<Guest>,
    pub rooms: Vec<String>,
}

impl Cast {
    /// The guests from the `from`th on.
    pub fn guests_from(&self, from: usize) -> &[Guest] {
        self.guests.get(from..).unwrap_or_default()
    }

    /// Makes `guests` guests and `rooms` rooms; the writers in `seats` become members.
    ///
    /// # Errors
    /// The server refuses one of them, or doesn't answer.
    pub async fn make(
        target: &Target,
        guests: usize,
        rooms: usize,
        seats: &[SeatPlan],
    ) -> Result<Self> {
        if target.is_floor {
            // As long as the ids of a real server, so that the bytes are the same.
            let name = |n| format!("01890a5d-ac96-774b-bcce-{n:012}");
            return Ok(Self { guests: Vec::new(), rooms: (0..rooms).map(name).collect() });
        }
        let rest = &Rest::new(target.address);
        let guest = async |n: usize| rest.guest(&format!("guest-{n}")).await;
        let guests: Vec<_> = stream::iter(0..guests)
            .map(guest)
            .buffered(CONCURRENCY)
            .try_collect()
            .await
            .context("making guests")?;
        let (guests, owner) = (&guests, owners(rooms, seats));
        let room = async |n: usize| rest.room(&guests[owner[n]], &format!("room-{n}")).await;
        let rooms: Vec<_> = stream::iter(0..rooms)
            .map(room)
            .buffered(CONCURRENCY)
            .try_collect()
            .await
            .context("making rooms")?;
        let joins = seats.iter().filter(|seat| seat.writes && owner[seat.rooms[0]] != seat.guest);
        let join =
            async |seat: &SeatPlan| rest.join(&guests[seat.guest], &rooms[seat.rooms[0]]).await;
        stream::iter(joins)
            .map(join)
            .buffer_unordered(CONCURRENCY)
            .try_collect::<()>()
            .await
            .context("joining rooms")?;
        Ok(Self { guests: guests.clone(), rooms })
    }

    /// Connects everyone in `seats` and hands them to the engine.
    ///
    /// # Errors
    /// Somebody isn't let in.
    pub async fn seat(
        &self,
        target: &Target,
        seats: &[SeatPlan],
        engine: &mut Engine,
    ) -> Result<()> {
        let open = async |(nth, seat): (usize, &SeatPlan)| {
            let reads_at = target.readers[nth % target.readers.len()];
            let node = if seat.writes { target.address } else { reads_at };
            let mut link = Link::open(node).await?;
            let rooms: Vec<_> = seat.rooms.iter().map(|room| self.rooms[*room].as_str()).collect();
            let token = self.guests.get(seat.guest).map(|guest| guest.token.as_str());
            let joined = link.join(token, &rooms).await?;
            anyhow::Ok((link, joined))
        };
        let mut opened = stream::iter(seats.iter().enumerate())
            .map(open)
            .buffered(CONCURRENCY)
            .zip(stream::iter(seats));
        while let Some((opened, seat)) = opened.next().await {
            let (link, joined) = opened.context("taking a seat")?;
            engine.seat(link, &joined, &seat.rooms, seat.writes)?;
        }
        Ok(())
    }
}

/// Which guest makes each room: its first writer, else the first guest.
fn owners(rooms: usize, seats: &[SeatPlan]) -> Vec<usize> {
    let mut owners = vec![0; rooms];
    for seat in seats.iter().rev().filter(|seat| seat.writes) {
        owners[seat.rooms[0]] = seat.guest;
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_belongs_to_its_first_writer() {
        let seat = |guest, room, writes| SeatPlan { guest, rooms: vec![room], writes };
        let seats = [seat(5, 1, true), seat(6, 1, true), seat(7, 0, false)];
        assert_eq!(owners(2, &seats), [0, 5]);
    }
}
