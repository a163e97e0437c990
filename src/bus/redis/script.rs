//! A script at the server, called by its checksum. Where the server doesn't have it, after a failover for one, it is sent
//! along with the call: loading it beforehand would ask every server of a cluster, the dead ones too.

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind};

/// See the module.
pub struct Script {
    source: String,
    checksum: String,
}

impl Script {
    /// The script of this text.
    pub fn new(source: &str) -> Self {
        let checksum = redis::Script::new(source).get_hash().to_owned();
        Self { source: source.to_owned(), checksum }
    }

    /// Calls it.
    ///
    /// # Errors
    /// The server's, the script's, the connection's: then it may have run.
    pub async fn call<T: FromRedisValue>(
        &self,
        connection: &mut impl ConnectionLike,
        keys: &[String],
        arguments: &[Vec<u8>],
    ) -> RedisResult<T> {
        let command = |how: &str, script: &str| -> Cmd {
            let mut command = redis::cmd(how);
            command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
            command
        };
        match command("EVALSHA", &self.checksum).query_async(connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                command("EVAL", &self.source).query_async(connection).await
            }
            answer => answer,
        }
    }
}
