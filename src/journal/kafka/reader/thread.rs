//! The thread that owns a consumer: it serves the group, does what it is asked for, and sleeps.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::{Builder, Thread, current, park_timeout};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::Message;
use tokio::sync::watch;

use super::Ask;
use super::group::Group;
use crate::journal::kafka::SetUpError;
use crate::journal::reader::LogError;

/// How long it sleeps when nobody wakes it. Far less than a member of a group may be silent.
const NAP: Duration = Duration::from_millis(100);

/// Starts it, and returns when its consumer is there.
pub(super) fn start(
    config: ClientConfig,
    group: Group,
    asked: Receiver<Ask>,
    alive: watch::Sender<bool>,
) -> Result<Thread, SetUpError> {
    let (tell, told) = channel();
    let run = move || {
        let consumer = make(&config, group);
        let (made, err) = match consumer {
            Ok(consumer) => (Some(consumer), None),
            Err(err) => (None, Some(err)),
        };
        let _ = tell.send(err); // who started it waits
        if let Some(consumer) = made {
            serve(&consumer, &asked);
            consumer.context().end();
            // Leaves the group, and waits until that is done.
            drop(consumer);
        }
        alive.send_replace(true);
    };
    let gone = |err: io::Error| SetUpError::NotReady(format!("a reader's thread: {err}"));
    let handle = Builder::new().name("kafka-read".to_owned()).spawn(run).map_err(gone)?;
    match told.recv() {
        Ok(None) => Ok(handle.thread().clone()),
        Ok(Some(err)) => Err(err.into()),
        Err(_) => Err(SetUpError::NotReady("a reader's thread has ended".to_owned())),
    }
}

/// A consumer that wakes this thread when there is something to serve.
fn make(config: &ClientConfig, group: Group) -> KafkaResult<Arc<BaseConsumer<Group>>> {
    let mut consumer: BaseConsumer<Group> = config.create_with_context(group)?;
    let me = current();
    consumer.set_nonempty_callback(move || me.unpark());
    let topic = consumer.context().topic().to_owned();
    consumer.subscribe(&[&topic])?;
    Ok(Arc::new(consumer))
}

/// Returns when it is asked to end.
fn serve(consumer: &Arc<BaseConsumer<Group>>, asked: &Receiver<Ask>) {
    let group = consumer.context();
    loop {
        loop {
            match asked.try_recv() {
                Ok(Ask::Open { partition, from, answer }) => {
                    if let Err(Ok(place)) = answer.send(group.open(consumer, partition, from)) {
                        group.close(consumer, partition, &place); // who asked has given up
                    }
                }
                Ok(Ask::Close { partition, place }) => group.close(consumer, partition, &place),
                Ok(Ask::Extent { partition, answer }) => {
                    let _ = answer.send(group.extent(consumer, partition));
                }
                Ok(Ask::End) | Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => break,
            }
        }
        // Rebalances, errors and statistics are served by callbacks.
        while let Some(event) = consumer.poll(Duration::ZERO) {
            if let Ok(stray) = event {
                // Every partition has its own queue before it is consumed. If one came here all the same, its stream
                // would have a hole: better begin it again.
                let partition = stray.partition().cast_unsigned();
                group
                    .interrupt(partition, LogError::Unavailable("a record went astray".to_owned()));
            }
        }
        park_timeout(NAP);
    }
}
