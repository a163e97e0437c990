//! The connection that notices go out and come in on, made again whenever it breaks.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use chat_protocol::RoomId;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::{Heads, Incoming, Shared, Telling, notice};
use crate::backoff::Backoff;

/// The channel of the database that all nodes listen on.
const CHANNEL: &str = "chat_rooms";
/// How often watched rooms are compared with the store: a notice may be lost with its connection, the last one unseen.
const COMPARE_EVERY: Duration = Duration::from_secs(2);
/// A statement that takes longer means that the connection leads nowhere.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Notices that may wait; beyond it, the database keeps them.
const HEARD_MAX: usize = 256;
/// While there is no connection, rooms look at the store by themselves this often.
const WITHOUT: Duration = Duration::from_millis(500);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// See the module.
pub struct Link {
    pub url: String,
    pub heads: Arc<dyn Heads>,
    pub shared: Arc<Shared>,
    pub node: String,
}

impl Link {
    /// Keeps connected until the bus is dropped.
    pub async fn keep(self, mut notices: mpsc::Receiver<Telling>) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        while !notices.is_closed() {
            if let Err(err) = self.run(&mut notices, &mut backoff).await {
                tracing::warn!(%err, "no notices from the database");
                let mut waits = backoff.wait();
                while !waits.is_zero() && !notices.is_closed() {
                    let step = waits.min(WITHOUT);
                    tokio::time::sleep(step).await;
                    waits -= step;
                    self.shared.inbox.put(Incoming::Gap);
                }
            }
        }
    }

    /// One connection's life.
    async fn run(
        &self,
        notices: &mut mpsc::Receiver<Telling>,
        backoff: &mut Backoff,
    ) -> Result<(), Failure> {
        let connecting = tokio_postgres::connect(&self.url, NoTls);
        let (client, mut connection) = timeout(ANSWER_WITHIN, connecting).await??;
        let (heard, mut hearing) = mpsc::channel(HEARD_MAX);
        let driver = tokio::spawn(async move {
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(notification) = message?
                    && heard.send(notification.payload().to_owned()).await.is_err()
                {
                    break;
                }
            }
            Ok::<_, tokio_postgres::Error>(())
        });
        let ended = Ended(driver.abort_handle());
        timeout(ANSWER_WITHIN, client.batch_execute(&format!("LISTEN {CHANNEL}"))).await??;
        backoff.reset();
        self.shared.inbox.put(Incoming::Gap); // whatever was said before nobody here has heard
        let mut compare = interval(COMPARE_EVERY);
        compare.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                telling = notices.recv() => match telling {
                    Some(telling) => self.tell(&client, telling, notices).await?,
                    None => return Ok(()),
                },
                notice = hearing.recv() => match notice {
                    Some(notice) => {
                        if let Some(it) = notice::read_passing(&self.node, &notice) {
                            self.shared.tell_passing(it);
                        } else if let Some(heads) = notice::read(&self.node, &notice) {
                            self.shared.tell_heads(heads);
                        }
                    }
                    None => break,
                },
                _ = compare.tick() => self.compare(&client).await?,
            }
        }
        drop(ended);
        driver.await??;
        Err("the connection has ended".into())
    }

    /// Tells the other nodes, of everything at once that waits.
    async fn tell(
        &self,
        client: &Client,
        mut telling: Telling,
        notices: &mut mpsc::Receiver<Telling>,
    ) -> Result<(), Failure> {
        let (mut heads, mut told) = (Vec::new(), Vec::new());
        loop {
            match telling {
                Telling::Heads(more) => heads.extend(more),
                Telling::Passing(it) => told.extend(notice::write_passing(&self.node, &it)),
            }
            telling = match notices.try_recv() {
                Ok(next) => next,
                Err(_) => break,
            };
        }
        if !heads.is_empty() {
            told.extend(notice::write(&self.node, heads));
        }
        for notice in told {
            let arguments: [&(dyn ToSql + Sync); 2] = [&CHANNEL, &notice];
            let telling = client.execute("SELECT pg_notify($1, $2)", &arguments);
            timeout(ANSWER_WITHIN, telling).await??;
        }
        Ok(())
    }

    /// Compares the watched rooms with the store, and finds out whether the connection still leads anywhere.
    async fn compare(&self, client: &Client) -> Result<(), Failure> {
        timeout(ANSWER_WITHIN, client.batch_execute("")).await??;
        let watched: Vec<RoomId> = self.shared.watched().iter().cloned().collect();
        if !watched.is_empty() {
            self.shared.tell_heads(self.heads.heads(&watched).await?);
        }
        Ok(())
    }
}

/// Ends a task with its owner.
struct Ended(tokio::task::AbortHandle);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}
