//! Whose database it is, what is in it, and who may come in.

use std::sync::Arc;

use chat_protocol::RoomId;
use chat_server::store::History;
use chat_server::store::postgres::{OpenError, PgOptions, PgStore};
use chat_services::free_port;
use futures_util::future::join_all;

use super::{SERVER, database, open, sql};
use crate::kit::within;
use crate::ports::FakeClock;
use crate::ports::store::past;

async fn try_open(url: &str) -> Result<PgStore, OpenError> {
    let opening = PgStore::open(PgOptions::new(url), FakeClock::start(), Box::new(|_| {}));
    within("the store opens or says why not", opening).await
}

fn refused(opened: Result<PgStore, OpenError>) -> OpenError {
    opened.map(drop).expect_err("it is refused")
}

#[tokio::test]
async fn nodes_that_open_at_once_found_one_log() {
    let url = database();
    let nodes = join_all((0..4).map(|_| try_open(&url))).await;
    let nodes: Vec<Arc<PgStore>> = nodes.into_iter().map(|it| Arc::new(it.unwrap())).collect();
    for node in &nodes {
        assert_eq!(node.epoch(), nodes[0].epoch());
        assert_eq!(past(&**node, &RoomId::general()).await.len(), 1);
    }
    assert_eq!(sql(&url, "SELECT count(*) FROM log_part"), "8");
}

#[tokio::test]
async fn a_log_keeps_the_partitions_that_it_began_with() {
    let url = database();
    for partitions in [3, 5] {
        let options = PgOptions { partitions, ..PgOptions::new(&*url) };
        let store = PgStore::open(options, FakeClock::start(), Box::new(|_| {})).await.unwrap();
        store.close().await;
        assert_eq!(sql(&url, "SELECT count(*) FROM log_part"), "3");
    }
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let url = database();
    sql(&url, "CREATE TABLE theirs (x INTEGER)");
    assert!(matches!(refused(try_open(&url).await), OpenError::NotADatabase(_)));
    let tables = "SELECT string_agg(relname, ' ') FROM pg_class \
         WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(sql(&url, tables), "theirs");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let url = database();
    open(&url, FakeClock::start()).await.0.close().await;
    sql(&url, "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')");
    let error = refused(try_open(&url).await);
    assert!(matches!(&error, OpenError::Newer(_, version) if version == "9999"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let place = format!("127.0.0.1:{}/nowhere", SERVER.port());
    let error = refused(try_open(&format!("postgres://postgres@{place}")).await);
    assert!(matches!(&error, OpenError::NoDatabase(it, _) if *it == place), "{error}");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so_without_the_password() {
    let url = database();
    // One more line, for this user alone: everyone else comes in as before.
    let file = sql(&url, "SHOW hba_file");
    let lines = sql(&url, &format!("SELECT pg_read_file('{file}')"));
    let line = "host all locked 127.0.0.1/32 scram-sha-256";
    sql(
        &url,
        &format!("COPY (SELECT regexp_split_to_table($${line}\n{lines}$$, '\n')) TO '{file}'"),
    );
    sql(&url, "SELECT pg_reload_conf()");
    sql(&url, "CREATE ROLE locked LOGIN PASSWORD 'right'");
    sql(&url, "GRANT CREATE ON SCHEMA public TO locked");
    for login in ["locked:wrong@", "locked@"] {
        let error = refused(try_open(&url.replace("postgres@", login)).await);
        assert!(matches!(&error, OpenError::Denied(..)), "{error}");
        assert!(!error.to_string().contains("wrong"));
    }
    try_open(&url.replace("postgres@", "locked:right@")).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = free_port().unwrap();
    let error = refused(try_open(&format!("postgres://postgres@127.0.0.1:{port}/chat")).await);
    let place = format!("127.0.0.1:{port}/chat");
    assert!(matches!(&error, OpenError::Unreachable(it, _) if *it == place), "{error}");
}
