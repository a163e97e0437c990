//! Commands that want an answer: from a check at once, or from a room, the log or the store later.

use std::collections::VecDeque;
use std::sync::Arc;

use chat_protocol::client::{History, Publish, PublishData, Request, Rpc};
use chat_protocol::object::User;
use chat_protocol::server::CommandResult;
use chat_protocol::{ClientId, ErrorCode, RoomId};

use super::{Effect, Pending, Phase, Session, Ticket, done, refusal};
use crate::domain::channel::room_of;
use crate::domain::question::{Answer, HISTORY_EVENTS_MAX, Question};
use crate::domain::record::Change;
use crate::domain::resume::epoch_of;
use crate::domain::rpc::{
    Deed, check_data, check_message, check_rpc, fresh_id, person, read_object,
};

/// Questions of one session that the store is asked at a time. Answers may be large, and who doesn't read must not be
/// able to order them by the hundred.
const QUESTIONS_MAX: usize = 4;

/// A session's questions to the store: a few under way, the others waiting for their turn.
#[derive(Debug, Default)]
pub(super) struct Questions {
    under_way: Vec<Ticket>,
    waiting: VecDeque<(Ticket, Question)>,
}

/// That the user is writing is passed on once in this time and room, however often the client says it, ms.
const TYPING_EVERY_MS: u64 = 2000;

impl Session {
    pub(super) fn on_request(
        &mut self,
        user: &User,
        id: u32,
        request: Request<'_>,
        now: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        if user.id.is_anonymous() {
            self.check_anonymous(&request)?;
        }
        match request {
            Request::Subscribe(it) => self.on_subscribe(id, it, now, effects),
            Request::Unsubscribe(it) => self.on_unsubscribe(id, &it.channel, effects),
            Request::Rpc(it) => self.on_rpc(user, id, &it, now, effects),
            Request::Publish(it) => self.on_publish(user, id, &it, now, effects),
            Request::History(it) => self.on_history(id, &it, now, effects),
            Request::Send(it) => match it.data {
                Some(rpc) => {
                    let deed = self.check(user, &rpc)?;
                    // Nobody waits for the answer: ticket 0 is nobody's, and a question is nothing without one.
                    let is_said = matches!(&deed, Deed::Typing(room) if self.was_typing(room, now));
                    if !is_said && !matches!(deed, Deed::Ask(_)) {
                        self.perform(0, deed, effects);
                    }
                    Ok(())
                }
                None => Err(ErrorCode::BadRequest),
            },
            Request::Presence(it) => {
                let question = Question::Presence(self.room_of(&it.channel)?);
                self.ask(id, question, now, effects)
            }
            Request::PresenceStats(it) => {
                let question = Question::PresenceStats(self.room_of(&it.channel)?);
                self.ask(id, question, now, effects)
            }
            Request::Refresh(it) => self.on_refresh(id, &it, now, effects),
            Request::SubRefresh(it) => self.on_sub_refresh(id, &it, now, effects),
            Request::Connect(_) | Request::Pong => Err(ErrorCode::BadRequest),
        }
    }

    /// The room that a channel belongs to.
    ///
    /// # Errors
    /// As [`room_of`] says.
    pub(super) fn room_of(&self, channel: &str) -> Result<RoomId, ErrorCode> {
        room_of(channel, self.policy.open_channels)
    }

    /// Nobody in particular has open channels, and nothing else.
    fn check_anonymous(&self, request: &Request<'_>) -> Result<(), ErrorCode> {
        let channel = match request {
            Request::Subscribe(it) => &it.channel,
            Request::Publish(it) => &it.channel,
            Request::History(it) => &it.channel,
            Request::Unsubscribe(it) | Request::Presence(it) | Request::PresenceStats(it) => {
                &it.channel
            }
            _ => return Err(ErrorCode::PermissionDenied),
        };
        let room = self.room_of(channel)?;
        if room.is_open() { Ok(()) } else { Err(ErrorCode::PermissionDenied) }
    }

    fn check(&self, user: &User, it: &Rpc<'_>) -> Result<Deed, ErrorCode> {
        check_rpc(user, &it.method, &it.data, self.policy.text_bytes_max)
    }

    fn on_rpc(
        &mut self,
        user: &User,
        id: u32,
        it: &Rpc<'_>,
        now: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        let deed = self.check(user, it)?;
        if let Deed::Typing(room) = &deed
            && self.was_typing(room, now)
        {
            effects.push(done(id, CommandResult::Rpc(b"{}"[..].into())));
            return Ok(());
        }
        let ticket = self.expect_answer(id, false, now)?;
        if let Deed::Change(Change::RenameUser { name, .. }) = &deed {
            self.renaming = Some(Box::new((ticket, name.clone())));
        }
        self.perform(ticket, deed, effects);
        Ok(())
    }

    fn on_publish(
        &mut self,
        user: &User,
        id: u32,
        it: &Publish<'_>,
        now: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        let room = self.room_of(&it.channel)?;
        if room.is_open() {
            let author = (!user.id.is_anonymous()).then(|| person(user));
            let draft = check_data(room, author, &it.data, self.policy.text_bytes_max)?;
            let ticket = self.expect_answer(id, true, now)?;
            self.perform(ticket, Deed::Publish(draft), effects);
            return Ok(());
        }
        let data: PublishData<'_> = read_object(&it.data)?;
        let client_id = data.client_id.map_or_else(|| ClientId::parse(&fresh_id()), Ok)?;
        let deed = check_message(user, room, client_id, &data.text, self.policy.text_bytes_max)?;
        let ticket = self.expect_answer(id, true, now)?;
        self.perform(ticket, deed, effects);
        Ok(())
    }

    fn on_history(
        &mut self,
        id: u32,
        it: &History<'_>,
        now: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        let room = self.room_of(&it.channel)?;
        let limit = match usize::try_from(it.limit) {
            Ok(limit) => limit.min(HISTORY_EVENTS_MAX),
            Err(_) => HISTORY_EVENTS_MAX, // −1: as much as there may be
        };
        let since = it.since.as_ref().map(|since| (since.offset, epoch_of(&since.epoch)));
        let question = Question::History { room, limit, since, reverse: it.reverse };
        self.ask(id, question, now, effects)
    }

    fn ask(
        &mut self,
        id: u32,
        question: Question,
        now: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        let ticket = self.expect_answer(id, false, now)?;
        self.perform(ticket, Deed::Ask(question), effects);
        Ok(())
    }

    /// Has been said of this room lately that the user is writing there? If not, it is being said now.
    fn was_typing(&mut self, room: &RoomId, now: u64) -> bool {
        let was = self.typing.as_ref().is_some_and(|it| it.0 == *room && now < it.1);
        if !was {
            self.typing = Some(Box::new((room.clone(), now + TYPING_EVERY_MS)));
        }
        was
    }

    fn perform(&mut self, ticket: Ticket, deed: Deed, effects: &mut Vec<Effect>) {
        match deed {
            Deed::Publish(draft) => {
                self.typing = None; // what was written is sent: the next word is news
                effects.push(Effect::Publish { ticket, draft });
            }
            Deed::Change(change) => effects.push(Effect::Change { ticket, change }),
            Deed::MarkRead(mark) => effects.push(Effect::MarkRead(ticket, mark)),
            Deed::Typing(room) => effects.push(Effect::Typing { ticket, room }),
            Deed::Ask(question) => {
                self.questions.get_or_insert_default().waiting.push_back((ticket, question));
                self.ask_next(effects);
            }
        }
    }

    /// Asks what has its turn.
    fn ask_next(&mut self, effects: &mut Vec<Effect>) {
        let Some(questions) = &mut self.questions else { return };
        while questions.under_way.len() < QUESTIONS_MAX
            && let Some((ticket, question)) = questions.waiting.pop_front()
        {
            questions.under_way.push(ticket);
            effects.push(Effect::Ask { ticket, question });
        }
        if questions.under_way.is_empty() {
            self.questions = None; // an idle session holds no capacity
        }
    }

    /// These are answered, or wait no longer.
    fn settle(&mut self, tickets: &[Ticket], effects: &mut Vec<Effect>) {
        if let Some(questions) = &mut self.questions {
            questions.under_way.retain(|it| !tickets.contains(it));
            questions.waiting.retain(|it| !tickets.contains(&it.0));
            self.ask_next(effects);
        }
    }

    /// Notes that command `id` wants an answer, `bare` if its reply has no data.
    pub(super) fn expect_answer(
        &mut self,
        id: u32,
        bare: bool,
        now: u64,
    ) -> Result<Ticket, ErrorCode> {
        if self.pending.len() >= self.policy.outstanding_max {
            return Err(ErrorCode::TooManyRequests);
        }
        let ticket = self.next_ticket();
        let deadline = now + self.policy.reply_timeout_ms;
        self.pending.push(Pending { ticket, id, bare, deadline });
        Ok(ticket)
    }

    /// Whose answer came; `None` if nobody waits for it any more.
    pub(super) fn answered(&mut self, ticket: Ticket) -> Option<Pending> {
        let at = self.pending.iter().position(|pending| pending.ticket == ticket)?;
        let pending = self.pending.swap_remove(at);
        if self.pending.is_empty() {
            self.pending = Vec::new(); // an idle session holds no capacity
        }
        Some(pending)
    }

    /// An answer came, or why there is none. One that nobody waits for any more is dropped.
    pub fn on_answer(
        &mut self,
        ticket: Ticket,
        answer: Result<Answer, ErrorCode>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Pending { id, bare, .. }) = self.answered(ticket) else { return };
        self.rename(ticket, answer.is_ok());
        effects.push(match answer {
            Ok(_) if bare => done(id, CommandResult::Publish),
            Ok(Answer::Data(data)) => done(id, CommandResult::Rpc(data.into())),
            Ok(Answer::History(it)) => done(id, CommandResult::History(*it)),
            Ok(Answer::Presence(it)) => done(id, CommandResult::Presence(it)),
            Ok(Answer::PresenceStats(it)) => done(id, CommandResult::PresenceStats(it)),
            Err(code) => refusal(id, code),
        });
        self.settle(&[ticket], effects);
    }

    /// From the answer to `user.rename` on, what this session says is under the new name.
    fn rename(&mut self, ticket: Ticket, done: bool) {
        let asked = self.renaming.take_if(|asked| asked.0 == ticket).filter(|_| done);
        if let (Some(asked), Phase::Live { user, .. }) = (asked, &mut self.phase) {
            let name = asked.1;
            *user = Arc::new(User { name, ..User::clone(user) });
        }
    }

    /// Who has waited too long is told the truth: it is unknown.
    pub(super) fn expire_asks(&mut self, now: u64, effects: &mut Vec<Effect>) {
        let mut late = Vec::new();
        self.pending.retain(|pending| {
            let waits = now < pending.deadline;
            if !waits {
                effects.push(refusal(pending.id, ErrorCode::Unavailable));
                late.push(pending.ticket);
            }
            waits
        });
        self.settle(&late, effects);
        self.expire_subscribes(now, effects);
    }
}
