//! Where Redis is: one server, one that sentinels name, or a cluster.

use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};

/// One of its servers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    pub host: String,
    pub port: u16,
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// How Redis is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setup {
    Single(Server),
    /// Any of the sentinels, and what they call the service.
    Sentinel {
        sentinels: Vec<Server>,
        service: String,
    },
    /// Any of the cluster's servers.
    Cluster(Vec<Server>),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    pub setup: Setup,
    /// User, password and database at the servers; sentinels are asked without.
    pub login: RedisConnectionInfo,
}

/// The URL can't be used. It may hold a password, so it isn't repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a Redis URL is redis://HOST:PORT, redis+sentinel://HOST:PORT,…/SERVICE or redis+cluster://HOST:PORT,…, \
     with USER:PASSWORD@ before the first host and /DATABASE at the end where there is one"
)]
pub struct BadUrl;

impl RedisConfig {
    /// Reads a URL. TLS is not offered.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn parse(url: &str) -> Result<Self, BadUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(BadUrl)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (format!("{login}@"), hosts),
            None => (String::new(), authority),
        };
        let (service, database) = match scheme {
            "redis+sentinel" => path.split_once('/').unwrap_or((path, "")),
            _ => ("", path),
        };
        let read = |host| read_one(&login, host, database);
        let read = hosts.split(',').map(read).collect::<Result<Vec<_>, _>>()?;
        let logins = read.first().map(|(_, login)| login.clone());
        let mut servers: Vec<Server> = read.into_iter().map(|(server, _)| server).collect();
        let setup = match scheme {
            "redis" if servers.len() == 1 => servers.pop().map(Setup::Single),
            "redis+sentinel" if !service.is_empty() => {
                Some(Setup::Sentinel { sentinels: servers, service: service.to_owned() })
            }
            "redis+cluster" => Some(Setup::Cluster(servers)),
            _ => None,
        };
        let (Some(setup), Some(login)) = (setup, logins) else { return Err(BadUrl) };
        Ok(Self { setup, login })
    }
}

impl RedisConfig {
    /// Publishing stays within a shard where there are shards.
    const fn is_sharded(&self) -> bool {
        matches!(self.setup, Setup::Cluster(_))
    }

    /// The command that publishes.
    pub const fn publish(&self) -> &'static str {
        if self.is_sharded() { "SPUBLISH" } else { "PUBLISH" }
    }

    /// The commands that subscribe, and no longer.
    pub const fn subscribe_and_unsubscribe(&self) -> (&'static str, &'static str) {
        match self.is_sharded() {
            true => ("SSUBSCRIBE", "SUNSUBSCRIBE"),
            false => ("SUBSCRIBE", "UNSUBSCRIBE"),
        }
    }
}

/// One host, with what the URL says for all.
fn read_one(
    login: &str,
    host: &str,
    database: &str,
) -> Result<(Server, RedisConnectionInfo), BadUrl> {
    if host.is_empty() {
        return Err(BadUrl);
    }
    let url = format!("redis://{login}{host}/{database}");
    let info = url.into_connection_info().map_err(|_| BadUrl)?;
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => {
            let server = Server { host: host.clone(), port: *port };
            Ok((server, info.redis_settings().clone()))
        }
        _ => Err(BadUrl),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, port: u16) -> Server {
        Server { host: host.to_owned(), port }
    }

    #[test]
    fn each_set_up_has_its_url() {
        let parse = |url| RedisConfig::parse(url).unwrap();
        let single = parse("redis://127.0.0.1:7001");
        assert_eq!(single.setup, Setup::Single(server("127.0.0.1", 7001)));
        let sentinel = parse("redis+sentinel://:secret@a:1,b:2/chat/3");
        let sentinels = vec![server("a", 1), server("b", 2)];
        let service = "chat".to_owned();
        assert_eq!(sentinel.setup, Setup::Sentinel { sentinels, service });
        assert_eq!((sentinel.login.password(), sentinel.login.db()), (Some("secret"), 3));
        let cluster = parse("redis+cluster://me:secret@a,b:2");
        assert_eq!(cluster.setup, Setup::Cluster(vec![server("a", 6379), server("b", 2)]));
        assert_eq!(cluster.login.username(), Some("me"));
    }

    #[test]
    fn what_is_no_redis_is_refused_without_telling_the_password() {
        for wrong in [
            "",
            "redis",
            "redis://",
            "redis://a,b",
            "http://a",
            "rediss://a",
            "redis+sentinel://a",
            "redis+cluster://",
            "redis://:secret@a:port",
        ] {
            let error = RedisConfig::parse(wrong).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{wrong:?}");
        }
        assert!(
            !format!("{:?}", RedisConfig::parse("redis://:secret@a").unwrap()).contains("secret")
        );
    }
}
