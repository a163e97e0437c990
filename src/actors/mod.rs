//! Shells around the machines of [`crate::domain`]: mailboxes, supervision, and the pumps where waiting is done.
//!
//! | dies | is lost with it | comes back by | proven by |
//! | --- | --- | --- | --- |
//! | a session ([`session`]) | its connection | the client, which resumes | `a_session_that_panics_ends_alone` |
//! | [`chat_room`] | its mailbox; place and members stay with the threads | supervisor | `a_room_that_panics_comes_back_with_its_members_and_its_place` |
//! | [`hub`] | its mailbox; its rooms live on | supervisor | `a_hub_that_panics_loses_no_room` |
//! | [`fan_out`] | its mailbox; its thread's members resume | supervisor | `a_fan_out_that_panics_makes_its_members_resume` |
//! | [`sink`] | answers to what was in flight, which are `unavailable` | supervisor | `a_sink_that_panics_answers_what_it_had` |
//! | [`bridge`] | the run in its hand, which rooms fill from the store | supervisor | `a_bridge_that_panics_leaves_no_gap` |
//! | [`projector`] | nothing: the projection knows where it stands | supervisor | `a_projector_that_panics_costs_a_pause` |
//! | [`outbox`] | nothing: what is to be told lies in the store | supervisor | `an_outbox_that_panics_has_told_nothing_twice` |
//! | [`presence`] | ticks that waited; who is here stays with the thread | supervisor | `a_presence_that_panics_has_forgotten_nobody` |
//! | [`revoker`] | a moment: orders are in the store | supervisor | `a_revoker_that_panics_still_has_every_order_obeyed` |
//! | any, too often | a room: its members' places; else the node, which drains | whatever restarts it | `an_actor_the_node_can_t_do_without_ends_it_with_70` |
//!
//! What else can die stands in ARCHITECTURE.md, "When something dies".

pub mod admission;
pub mod answer;
pub mod bridge;
pub mod chat_room;
pub mod fan_out;
pub mod flow;
pub mod hub;
pub mod links;
pub mod node;
pub mod outbox;
pub mod presence;
pub mod projector;
pub mod reply;
pub mod revoker;
pub mod session;
pub mod sessions;
pub mod sink;
pub mod store_pump;
pub mod supervisor;
pub mod users;
pub mod workers;
