//! Opens connections. Every one has deadlines: for being made, and for each answer.

use std::future::Future;
use std::time::Duration;

use redis::aio::{AsyncPushSender, ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, Pipeline, ProtocolVersion,
    RedisConnectionInfo, RedisFuture, RedisResult, Value,
};
use tokio::time::timeout;

use super::config::{RedisConfig, Server, Setup};
use super::{Result, Unreachable};

/// To connect and to be greeted.
const OPEN_WITHIN: Duration = Duration::from_secs(2);
/// An answer that takes longer means that the connection leads nowhere.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The same in a cluster, with what is tried again meanwhile.
const CLUSTER_ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// How often a cluster's client tries again: each time it learns where things are now.
const CLUSTER_RETRIES: u32 = 4;
/// Bytes that nobody has confirmed for so long end a connection.
const UNCONFIRMED_FOR: Duration = Duration::from_secs(5);
/// Requests that may be under way on a connection; more wait for their turn.
const UNDER_WAY_MAX: usize = 1024;

/// A connection for commands; cheap to clone.
#[derive(Clone)]
pub enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// Gives `opening` its deadline.
async fn in_time<T>(opening: impl Future<Output = RedisResult<T>>) -> Result<T> {
    match timeout(OPEN_WITHIN, opening).await {
        Ok(opened) => Ok(opened?),
        Err(_) => Err(Unreachable("no connection in time".to_owned())),
    }
}

fn answers_in_time() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(OPEN_WITHIN))
        .set_response_timeout(Some(ANSWER_WITHIN))
        .set_concurrency_limit(UNDER_WAY_MAX)
}

fn tcp_settings() -> TcpSettings {
    TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(UNCONFIRMED_FOR))
        .set_user_timeout(UNCONFIRMED_FOR)
}

fn address(server: &Server) -> ConnectionAddr {
    ConnectionAddr::Tcp(server.host.clone(), server.port)
}

impl RedisConfig {
    fn client(&self, server: &Server, login: RedisConnectionInfo) -> RedisResult<Client> {
        Client::open(self.info(server)?.set_redis_settings(login))
    }

    fn info(&self, server: &Server) -> RedisResult<ConnectionInfo> {
        let info = redis::IntoConnectionInfo::into_connection_info(address(server))?;
        Ok(info.set_tcp_settings(tcp_settings()).set_redis_settings(self.login.clone()))
    }

    /// A connection for commands to one server.
    pub async fn open(&self, server: &Server) -> Result<Connection> {
        let client = self.client(server, self.login.clone())?;
        let config = answers_in_time();
        let opening = client.get_multiplexed_async_connection_with_config(&config);
        Ok(Connection::Server(in_time(opening).await?))
    }

    /// A connection for commands to a cluster, as `servers` know it.
    pub async fn open_cluster(&self, servers: &[Server]) -> Result<Connection> {
        let infos = servers.iter().map(|server| self.info(server));
        let client = ClusterClient::builder(infos.collect::<RedisResult<Vec<_>>>()?)
            .tcp_settings(tcp_settings())
            .connection_timeout(OPEN_WITHIN)
            .response_timeout(ANSWER_WITHIN)
            .overall_response_timeout(Some(CLUSTER_ANSWER_WITHIN))
            .connection_concurrency_limit(UNDER_WAY_MAX)
            .retries(CLUSTER_RETRIES)
            .build()?;
        // Servers of the list that are down take their time before others are asked.
        let opening = timeout(CLUSTER_ANSWER_WITHIN, client.get_async_connection());
        let opened = opening.await.map_err(|_| Unreachable("no cluster in time".to_owned()))?;
        Ok(Connection::Cluster(opened?))
    }

    /// A connection for subscriptions to one server. What comes unasked goes to `pushed`, which must not block.
    pub async fn listen(
        &self,
        server: &Server,
        pushed: impl AsyncPushSender,
    ) -> Result<MultiplexedConnection> {
        let login = self.login.clone().set_protocol(ProtocolVersion::RESP3);
        let client = self.client(server, login)?;
        let config = answers_in_time().set_push_sender(pushed);
        in_time(client.get_multiplexed_async_connection_with_config(&config)).await
    }

    /// Who asks the sentinels; `None` where there are none.
    pub fn sentinels(&self) -> RedisResult<Option<SentinelClient>> {
        let Setup::Sentinel { sentinels, service } = &self.setup else { return Ok(None) };
        let addresses: Vec<_> = sentinels.iter().map(address).collect();
        let role = SentinelServerType::Master;
        let mut builder = SentinelClientBuilder::new(addresses, service.clone(), role)?
            .set_client_to_sentinel_tcp_settings(tcp_settings())
            .set_client_to_redis_tcp_settings(tcp_settings())
            .set_client_to_redis_db(self.login.db());
        if let Some(username) = self.login.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = self.login.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        builder.build().map(Some)
    }
}
