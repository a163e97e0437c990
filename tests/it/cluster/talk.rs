//! People who talk while a test breaks things, and what must be true in the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::task::JoinHandle;

use super::Cluster;
use super::authors::{Enough, Said, all_is_there, finish, insist_among};
use crate::kit::{Client, Guest, eventually};

/// People who talk on all nodes for as long as it takes, and one who listens.
pub struct Talk {
    pub guests: Vec<Guest>,
    epoch: String,
    top: u64,
    seen: Arc<Mutex<Vec<Value>>>,
    listening: JoinHandle<()>,
    enough: Arc<AtomicBool>,
    authors: Vec<JoinHandle<Vec<Said>>>,
}

/// Reads on, whatever else the test does.
fn listen(mut reader: Client, seen: Arc<Mutex<Vec<Value>>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let event = reader.event().await;
            seen.lock().unwrap().push(event);
        }
    })
}

fn is_said(event: &&Value) -> bool {
    event["type"] != "void"
}

impl Talk {
    /// Begins, and waits until something is said.
    pub async fn begin(cluster: &Cluster) -> Self {
        let guests = cluster.guests(4).await;
        let mut reader = Client::connect(cluster.node(0), &guests[3]).await;
        let place = reader.subscribe("general").await;
        let top = place["offset"].as_u64().unwrap();
        let epoch = place["epoch"].as_str().unwrap().to_owned();
        let seen = Arc::default();
        let listening = listen(reader, Arc::clone(&seen));
        let enough = Arc::new(AtomicBool::new(false));
        let nodes: Vec<_> = cluster.nodes.iter().map(|node| node.address).collect();
        let told = |n| insist_among(nodes.clone(), n, &guests[n], Enough::Told(enough.clone()));
        let authors = (0..3).map(told).collect();
        let talk = Self { guests, epoch, top, seen, listening, enough, authors };
        talk.goes_on(cluster).await;
        talk
    }

    /// Waits until some more is acked, on whichever node.
    pub async fn goes_on(&self, cluster: &Cluster) {
        let acked = async || {
            let mut acked = 0.0;
            for node in &cluster.nodes {
                acked += node.metric("chat_messages_acked_total").await;
            }
            acked
        };
        let before = acked().await;
        eventually("people talk on", async || (acked().await >= before + 30.0).then_some(())).await;
    }

    /// The listener's node was gone: they come back and resume from where they began.
    pub async fn listen_again(&mut self, cluster: &Cluster) {
        self.listening.abort();
        let mut reader = Client::connect(cluster.node(1), &self.guests[3]).await;
        let answer = reader.resume("general", &self.epoch, self.top).await.unwrap();
        assert_eq!(answer["recovered"], true, "{answer}");
        let missed = answer["publications"].as_array().unwrap().iter();
        *self.seen.lock().unwrap() = missed.map(|it| it["data"].clone()).collect();
        self.listening = listen(reader, self.seen.clone());
    }

    /// Ends it: all that was acked was seen once, in the order of history, which is one on all nodes.
    pub async fn end(self, cluster: &Cluster) {
        self.end_with(cluster, Vec::new()).await;
    }

    /// The same with what was said beside.
    pub async fn end_with(self, cluster: &Cluster, mut said: Vec<Said>) {
        self.enough.store(true, Ordering::Relaxed);
        said.extend(finish(self.authors).await);
        let seen = async || {
            let seen = self.seen.lock().unwrap().clone();
            (seen.iter().filter(is_said).count() >= said.len()).then_some(seen)
        };
        let seen = eventually("all that was said is heard", seen).await;
        let offsets: Vec<_> = seen.iter().map(|it| it["offset"].as_u64().unwrap()).collect();
        let last = *offsets.last().unwrap();
        assert_eq!(offsets, (self.top + 1..=last).collect::<Vec<_>>());
        for node in &cluster.nodes {
            // Who follows the log into the database may be behind.
            let far = async || (node.head("general", &self.guests[3]).await >= last).then_some(());
            eventually("history reaches as far as what was live", far).await;
        }
        let history = all_is_there(cluster.node(0), &self.guests[3], &said).await;
        let live: Vec<_> = seen.into_iter().filter(|it| is_said(&it)).collect();
        assert_eq!(history[1..], live);
        for node in &cluster.nodes[1..] {
            assert_eq!(node.history("general", &self.guests[3]).await, history);
        }
    }
}
