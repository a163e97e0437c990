//! A room's whole past, checked on the way.

use serde_json::Value;

use super::{Guest, Server};

impl Server {
    /// How far a room reaches, as `guest` is told.
    pub async fn head(&self, room: &str, guest: &Guest) -> u64 {
        let (status, page) = self.get(&format!("/api/rooms/{room}/messages?limit=1"), guest).await;
        assert_eq!(status, 200, "{page}");
        page["head"].as_u64().unwrap()
    }

    /// Every event of a room, as `guest` may read it: offsets follow on each other up to the head, times never go back.
    pub async fn history(&self, room: &str, guest: &Guest) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events.last().map_or(0, |last| last["offset"].as_u64().unwrap());
            let path = format!("/api/rooms/{room}/messages?after={after}&limit=200");
            let (status, mut page) = self.get(&path, guest).await;
            assert_eq!(status, 200, "{page}");
            for event in page["events"].as_array_mut().unwrap().drain(..) {
                if let Some(last) = events.last() {
                    assert_eq!(event["offset"].as_u64(), last["offset"].as_u64().map(|at| at + 1));
                }
                events.push(event);
            }
            if page.get("next").is_none() {
                let last = events.last().map_or(0, |last| last["offset"].as_u64().unwrap());
                assert_eq!(page["head"], last);
                return said(events);
            }
        }
    }
}

/// Without the places that say nothing. Time never goes back.
fn said(mut events: Vec<Value>) -> Vec<Value> {
    events.retain(|event| event["type"] != "void");
    assert!(events.is_sorted_by_key(|event| event["time"].as_u64().unwrap()));
    events
}
