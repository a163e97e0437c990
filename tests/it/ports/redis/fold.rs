//! `relay.lua` folds as `domain/fold.rs` does.

use std::collections::{BTreeMap, HashMap};

use chat_server::bus::redis::keys::{Keys, PartitionKeys};
use chat_server::bus::redis::projection::relay::{self, Entry};
use chat_server::bus::redis::script::Script;
use chat_server::bus::redis::{RedisProjection, RedisTail};
use chat_server::domain::fold::Partition;
use chat_server::domain::log_record::Record;
use chat_server::store::projection::{Cursor, Projection};
use chat_server::store::tailed::Tail;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use redis::aio::MultiplexedConnection;

use super::*;
use crate::ports::log_model::{Model, log_of, said};

/// The ids of a bucket, as the model has them.
fn ids_of(model: &Model, bucket: u64) -> BTreeMap<Vec<u8>, String> {
    let ids = model.ids.iter().filter(|(_, (of, _))| *of == bucket);
    ids.map(|(id, (_, offset))| (id.as_bytes().to_vec(), offset.to_string())).collect()
}

/// A run that is applied: from which record to which, and after how many effects the script dies, if it does.
type Step = (prop::sample::Index, prop::sample::Index, Option<usize>);

/// The script as it dies before its effect number `effects`.
fn dying(effects: usize) -> Script {
    let shadow = format!(
        "local real, left = redis, {effects}
        local function counted(how)
          return function(name, ...)
            if name ~= 'HGET' and name ~= 'HMGET' then
              if left == 0 then error('dead') end
              left = left - 1
            end
            return real[how](name, ...)
          end
        end
        local redis = {{call = counted('call'), pcall = counted('pcall')}}\n"
    );
    Script::new(&(shadow + relay::SOURCE))
}

struct World {
    epoch: Epoch,
    keys: PartitionKeys,
    projection: RedisProjection,
    tail: RedisTail,
    raw: MultiplexedConnection,
}

impl World {
    fn new(raw: MultiplexedConnection) -> Self {
        let epoch = new_epoch();
        let redis = redis(&shared_server().url(), &epoch);
        Self {
            keys: Keys::new(&epoch).of(0),
            projection: RedisProjection::new(redis.clone(), Arc::new(Given::default())),
            tail: RedisTail::new(redis),
            epoch,
            raw,
        }
    }

    /// Applies runs of the log from where Redis stands or before, then what is left of it.
    async fn play(&mut self, log: &[Record], steps: &[Step]) {
        let mut cursor = self.projection.cursor(0).await.unwrap();
        for (from, to, dies_after) in steps {
            let done = log.iter().take_while(|record| record.log_offset < cursor.next).count();
            let from = from.index(done + 1).min(log.len() - 1);
            let run = &log[from..=from + to.index(log.len() - from)];
            if let Some(effects) = dies_after {
                let entries: Vec<_> = run.iter().map(Entry::of).collect();
                let (script, start) = (dying(*effects), run[0].log_offset.min(cursor.next));
                let (raw, keys) = (&mut self.raw, &self.keys);
                // Dead or not: what it did must not show.
                let _ = relay::call(&script, raw, keys, "PUBLISH", start, &entries).await;
                cursor = self.projection.cursor(0).await.unwrap();
            } else {
                cursor = self.apply(run, cursor).await;
            }
        }
        let done = log.iter().take_while(|record| record.log_offset < cursor.next).count();
        self.apply(&log[done..], cursor).await;
    }

    /// A run begins at the cursor, or overlaps it: what lies before a hole is told too.
    async fn apply(&self, run: &[Record], cursor: Cursor) -> Cursor {
        if run.first().is_none_or(|first| first.log_offset <= cursor.next) {
            return self.projection.apply(0, run).await.unwrap();
        }
        let before = Record::decode(cursor.next, 0, b"not a room", b"");
        self.projection.apply(0, &[&[before], run].concat()).await.unwrap()
    }

    async fn check(&mut self, log: &[Record], may_leave_buckets: bool) -> TestCaseResult {
        let model = Model::of(log);
        let cursor = self.projection.cursor(0).await.unwrap();
        prop_assert_eq!(cursor, Cursor { next: model.partition.next, checksum: model.checksum });
        let top: HashMap<String, String> = self.ask(&["HGETALL", &self.keys.top()]).await;
        let Partition { next, time } = model.partition;
        let own = format!("{next}:{time}:{:016x}", model.checksum.unwrap_or_default());
        prop_assert_eq!(top.get(""), Some(&own));
        prop_assert_eq!(top.len(), model.tops.len() + 1);
        for (room, top_of_room) in &model.tops {
            let at = top_of_room.log_offset.unwrap();
            let field = format!("{}:{at}", top_of_room.offset);
            prop_assert_eq!(top.get(room.as_str()), Some(&field));
            let tail = self.tail.tail(room, 0).await.unwrap().unwrap();
            prop_assert_eq!(tail.top, top_of_room.offset);
            let events = model.events.iter().filter(|((of, _), _)| of == room);
            prop_assert_eq!(
                tail.events,
                events.map(|(_, event)| event.clone()).collect::<Vec<_>>()
            );
        }
        let newest = model.partition.bucket();
        let mut expected = Vec::new();
        for bucket in newest.saturating_sub(1)..=newest {
            let key = self.keys.bucket(bucket);
            let ids: BTreeMap<Vec<u8>, String> = self.ask(&["HGETALL", &key]).await;
            prop_assert_eq!(&ids, &ids_of(&model, bucket));
            expected.extend((!ids.is_empty()).then_some(key));
        }
        if !may_leave_buckets {
            let mut left: Vec<String> =
                self.ask(&["KEYS", &format!("chat:{}:*:n:*", self.epoch)]).await;
            left.sort();
            expected.sort();
            prop_assert_eq!(left, expected);
        }
        Ok(())
    }

    async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut self.raw.clone()).await.unwrap()
    }
}

#[test]
fn redis_folds_as_the_one_rule_says() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = redis::Client::open(shared_server().url()).unwrap();
    let raw = runtime.block_on(client.get_multiplexed_async_connection()).unwrap();
    let hole = prop_oneof![9 => Just(0u64), 1 => 1..3u64];
    let log = prop::collection::vec(said(hole), 1..40);
    let dies_after = prop_oneof![2 => Just(None), 1 => (0usize..60).prop_map(Some)];
    let step = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), dies_after);
    let steps = prop::collection::vec(step, 0..8);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&(log, steps), |(said, steps)| {
        runtime.block_on(async {
            let (log, mut world) = (log_of(0, &said), World::new(raw.clone()));
            world.play(&log, &steps).await;
            let dies = steps.iter().any(|(_, _, dies_after)| dies_after.is_some());
            world.check(&log, dies).await
        })
    });
    outcome.unwrap();
}
