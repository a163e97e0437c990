//! Changes of users, rooms and members: what they need is looked up, what is decided is written.

use chat_protocol::object::{Role, RoomKind, User};
use chat_protocol::{ClientId, ErrorCode, RoomId, UserId};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join4;

use super::super::read::lookup;
use super::super::schema::{events, members, read_marks, revocations, rooms, users};
use super::announce::Announced;
use super::group::Group;
use super::mark::keep_mark;
use crate::domain::record::{Change, ReadMark};
use crate::store::rules::change::{Answer, Facts, First, Needs, Plan, Step, decide};
use crate::store::rules::rows;
use crate::store::rules::view::{RoomColumns, RoomRow, Standing};
use crate::store::{Changed, StoreError};

/// How often another node may be quicker with the same change.
const ATTEMPTS_MAX: usize = 3;

pub(super) async fn run(group: &mut Group<'_>, change: &Change) -> Result<Changed, StoreError> {
    group.flush().await?; // what is looked up may be among it
    let needs = Needs::of(change);
    for _ in 0..ATTEMPTS_MAX {
        let facts = facts(group.conn, &needs).await?;
        let plan = decide(change, &facts)?;
        let writing = Writing { no: facts.room.map(|it| it.no), ..Writing::default() };
        if let Some(answer) = writing.run(group, plan).await? {
            return changed(group, answer).await;
        }
    }
    Err(StoreError::Unavailable("others keep making the same change".to_owned()))
}

async fn changed(group: &mut Group<'_>, answer: Answer) -> Result<Changed, StoreError> {
    match answer {
        Answer::User(user) => Ok(Changed::User(user)),
        Answer::Gone => Ok(Changed::Gone),
        Answer::Room(seen) => {
            let head = group.head(&seen.id).await?;
            let head = head.ok_or(StoreError::Refused(ErrorCode::RoomNotFound))?;
            Ok(Changed::Room(seen.at(head.position(), group.site.epoch)))
        }
    }
}

/// In one round trip, as far as one answer doesn't depend on another.
async fn facts(conn: &AsyncPgConnection, needs: &Needs<'_>) -> Result<Facts, StoreError> {
    let (room, users, members, first) = try_join4(
        room(conn, needs.room),
        users_of(conn, &needs.users),
        members_of(conn, needs),
        first(conn, needs.first),
    )
    .await?;
    Ok(Facts { room, users, members, first })
}

async fn room(
    conn: &AsyncPgConnection,
    room: Option<&RoomId>,
) -> Result<Option<RoomRow>, StoreError> {
    let Some(room) = room else { return Ok(None) };
    Ok(lookup::find_room(conn, room).await?.map(|(row, _)| row))
}

async fn users_of(conn: &AsyncPgConnection, ids: &[&UserId]) -> Result<Vec<User>, StoreError> {
    if ids.is_empty() { Ok(Vec::new()) } else { lookup::users(conn, ids).await }
}

async fn members_of(
    conn: &AsyncPgConnection,
    needs: &Needs<'_>,
) -> Result<Vec<(UserId, Standing)>, StoreError> {
    match needs.room {
        Some(room) if !needs.members.is_empty() => {
            lookup::members(conn, room, &needs.members).await
        }
        _ => Ok(Vec::new()),
    }
}

/// The room that the same creator made under the same client id before.
async fn first(
    mut conn: &AsyncPgConnection,
    by: Option<(&UserId, &ClientId)>,
) -> Result<Option<First>, StoreError> {
    let Some((creator, client_id)) = by else { return Ok(None) };
    let known: Option<(String, RoomColumns, Vec<u8>)> = rooms::table
        .inner_join(events::table.on(events::room_no.eq(rooms::no).and(events::offset.eq(1))))
        .filter(rooms::creator.eq(creator.as_str()))
        .filter(rooms::client_id.eq(client_id.as_str()))
        .select((
            rooms::id,
            (rooms::no, rooms::name, rooms::kind, rooms::topic, rooms::member_count),
            events::body,
        ))
        .first(&mut conn)
        .await
        .optional()?;
    let Some((id, columns, body)) = known else { return Ok(None) };
    let row = RoomRow::read(rows::room_id(&id)?, columns)?;
    let creator = lookup::member(conn, &row.id, creator).await?;
    Ok(Some(First { row, created: rows::room_state(&body)?, creator }))
}

/// The steps of one change as far as they are done.
#[derive(Default)]
struct Writing {
    /// The room's number.
    no: Option<i64>,
    /// The last event that was.
    announced: Announced,
    /// Members to be added together, however many.
    added: Vec<(UserId, i16, Announced)>,
}

impl Writing {
    /// `None`: someone else has made what was to be made, and nothing is done.
    async fn run(
        mut self,
        group: &mut Group<'_>,
        plan: Plan<'_>,
    ) -> Result<Option<Answer>, StoreError> {
        for step in plan.steps {
            if !self.step(group, step).await? {
                return Ok(None);
            }
        }
        self.add_members(group.conn).await?;
        Ok(Some(plan.answer))
    }

    /// `false`: someone else was quicker. It is so only of what is new, which comes first.
    async fn step(&mut self, group: &mut Group<'_>, step: Step<'_>) -> Result<bool, StoreError> {
        match step {
            Step::AddUser(user) => return add_user(group, user).await,
            Step::AddRevocation(it) => {
                let (kind, token) = rows::revoked_columns(&it.what);
                diesel::insert_into(revocations::table)
                    .values((
                        revocations::user_id.eq(it.user.as_str()),
                        revocations::kind.eq(kind),
                        revocations::token_id.eq(token),
                        revocations::at.eq(it.at.cast_signed()),
                    ))
                    .execute(group.conn)
                    .await?;
            }
            Step::NameUser(id, name) => {
                diesel::update(users::table.find(id.as_str()))
                    .set(users::name.eq(name))
                    .execute(group.conn)
                    .await?;
            }
            Step::AddRoom { room, state, creation } => {
                let creation =
                    creation.map(|(user, client_id)| (user.as_str(), client_id.as_str()));
                self.no = group.add_room(room, state, creation).await?;
                return Ok(self.no.is_some());
            }
            Step::DescribeRoom(state) => {
                diesel::update(rooms::table.find(self.no()?))
                    .set((rooms::name.eq(&state.name), rooms::topic.eq(&state.topic)))
                    .execute(group.conn)
                    .await?;
            }
            Step::Announce(event) => self.announced = group.announce(&event.placing()).await?,
            Step::AddMember(user, role) => {
                self.added.push((user, rows::role_code(role), self.announced));
            }
            Step::RestoreMember(user) => {
                let beginning = Announced { offset: 1, version: 0 };
                self.added.push((user, rows::role_code(Role::Member), beginning));
            }
            Step::RemoveMember(user) => {
                let no = self.no()?;
                diesel::delete(members::table.find((no, user.as_str())))
                    .execute(group.conn)
                    .await?;
                diesel::delete(read_marks::table.find((no, user.as_str())))
                    .execute(group.conn)
                    .await?;
                count_members(group.conn, no, -1).await?;
            }
        }
        Ok(true)
    }

    fn no(&self) -> Result<i64, StoreError> {
        self.no.ok_or(StoreError::Refused(ErrorCode::RoomNotFound))
    }

    async fn add_members(&self, conn: &mut AsyncPgConnection) -> Result<(), StoreError> {
        if self.added.is_empty() {
            return Ok(());
        }
        let no = self.no()?;
        let added: Vec<_> = self
            .added
            .iter()
            .map(|(user, role, joined)| {
                (
                    members::room_no.eq(no),
                    members::user_id.eq(user.as_str()),
                    members::role.eq(*role),
                    members::joined.eq(joined.offset.cast_signed()),
                    members::version.eq(joined.version),
                )
            })
            .collect();
        let count = i64::try_from(added.len()).unwrap_or(i64::MAX);
        diesel::insert_into(members::table).values(added).execute(conn).await?;
        count_members(conn, no, count).await?;
        Ok(())
    }
}

async fn add_user(group: &mut Group<'_>, user: &User) -> Result<bool, StoreError> {
    let room = RoomId::general();
    let head = group.head(&room).await?;
    let conn = &mut *group.conn;
    let added = diesel::insert_into(users::table)
        .values((
            users::id.eq(user.id.as_str()),
            users::name.eq(&user.name),
            users::guest.eq(user.guest),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    if added == 0 {
        return Ok(false);
    }
    let general = rooms::kind.eq(rows::kind_code(RoomKind::General));
    diesel::update(rooms::table.filter(general))
        .set(rooms::member_count.eq(rooms::member_count + 1))
        .execute(conn)
        .await?;
    // Who is new has read what came before them.
    let offset = head.map_or(0, |head| head.top.offset);
    keep_mark(conn, &ReadMark { room, user: user.id.clone(), offset }).await?;
    Ok(true)
}

async fn count_members(conn: &mut AsyncPgConnection, no: i64, more: i64) -> QueryResult<usize> {
    diesel::update(rooms::table.find(no))
        .set(rooms::member_count.eq(rooms::member_count + more))
        .execute(conn)
        .await
}
