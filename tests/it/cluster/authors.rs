//! People who talk whatever happens, and what must have become of what they said.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::Cluster;
use crate::kit::{Client, Guest, Server, within};

/// What an author insisted on.
pub struct Said {
    pub text: String,
    pub id: String,
}

/// An author who goes to another node when theirs is gone, and sends everything until it is acked.
pub fn insist(
    cluster: &Cluster,
    first: usize,
    guest: &Guest,
    count: usize,
) -> JoinHandle<Vec<Said>> {
    let nodes = cluster.nodes.iter().map(|node| node.address).collect();
    insist_among(nodes, first, guest, Enough::Said(count))
}

/// When an author has said enough.
#[derive(Clone)]
pub enum Enough {
    Said(usize),
    Told(Arc<AtomicBool>),
}

impl Enough {
    fn is_it(&self, said: usize) -> bool {
        match self {
            Self::Said(count) => said >= *count,
            Self::Told(told) => told.load(Ordering::Relaxed),
        }
    }
}

/// The same among these nodes.
pub fn insist_among(
    addresses: Vec<SocketAddr>,
    first: usize,
    guest: &Guest,
    enough: Enough,
) -> JoinHandle<Vec<Said>> {
    let (guest, name) = (guest.clone(), format!("a{first}"));
    tokio::spawn(async move {
        let mut said = Vec::new();
        let mut node = first;
        let mut client = None;
        let mut client_id = Uuid::now_v7().to_string();
        while !enough.is_it(said.len()) {
            let text = format!("{name}-{}", said.len());
            if client.is_none() {
                node += 1;
                client = Client::try_connect(addresses[node % addresses.len()], &guest).await;
            }
            let Some(connected) = &mut client else {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            };
            let data = json!({ "room": "general", "client_id": client_id, "text": text });
            let id =
                connected.command("rpc", json!({ "method": "message.send", "data": data })).await;
            match connected.reply(id).await {
                None => client = None,
                Some(reply) => match reply["rpc"]["data"]["id"].as_str() {
                    Some(id) => {
                        said.push(Said { id: id.to_owned(), text });
                        client_id = Uuid::now_v7().to_string();
                    }
                    None => assert_eq!(reply["error"]["temporary"], true, "{reply}"),
                },
            }
        }
        said
    })
}

/// Everything that was said is in history once, under its id; the history.
pub async fn all_is_there(node: &Server, guest: &Guest, said: &[Said]) -> Vec<Value> {
    let history = node.history("general", guest).await;
    assert_eq!(history.len(), said.len() + 1);
    for Said { text, id } in said {
        let of_text: Vec<_> = history.iter().filter(|event| event["text"] == *text).collect();
        assert_eq!(of_text.len(), 1, "{text}");
        assert_eq!(of_text[0]["id"], *id);
    }
    history
}

/// What they all said, when they are done.
pub async fn finish(authors: Vec<JoinHandle<Vec<Said>>>) -> Vec<Said> {
    let mut said = Vec::new();
    for author in authors {
        said.extend(within("an author is done", author).await.unwrap());
    }
    said
}
