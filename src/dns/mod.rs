//! What the DNS says of a name: in come a name and the servers of the settings, out come the alias (CNAME), the addresses
//! and the texts (TXT) that are published there now. Nothing is remembered: who asks wants to know what has changed.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use serde::{Deserialize, Serialize};

use crate::cause::chain;
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

const PORT: u16 = 53;
/// How long a server may take to answer, …
const TIMEOUT: Duration = Duration::from_secs(5);
/// … and how often it is asked.
const ATTEMPTS: usize = 2;

/// A server of the DNS, as the settings name it: `192.0.2.53`, or with a port `127.0.0.1:5353`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Server(SocketAddr);

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT));
        address
            .or_else(|_| text.parse())
            .map(Self)
            .map_err(|_| format!("'{text}' is not the address of a DNS server such as 192.0.2.53"))
    }
}

impl TryFrom<String> for Server {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Server> for String {
    fn from(server: Server) -> Self {
        match server.0.port() {
            PORT => server.0.ip().to_string(),
            _ => server.0.to_string(),
        }
    }
}

/// Asks the DNS. Where it is not known whom to ask, that is said to who asks.
#[derive(Clone)]
pub struct Dns(Result<TokioResolver, Box<Problem>>);

impl Dns {
    /// Asks these servers; where there are none, those of the machine.
    pub fn new(servers: &[Server]) -> Self {
        Self(resolver(servers).map_err(|error| {
            let problem = Problem::new(
                Code::DnsUnanswered,
                sentence!(
                    "The DNS servers of this machine cannot be read: {error}.",
                    error = chain(&error)
                ),
            );
            Box::new(problem.hint(sentence!(
                "Correct /etc/resolv.conf, or name servers under [dns] in the worker's settings."
            )))
        }))
    }

    /// What the name is an alias of (its CNAME), in lower case and without a dot at its end.
    ///
    /// # Errors
    /// When the DNS does not answer: then it is not known.
    pub async fn alias(&self, name: &str) -> Result<Option<String>, Problem> {
        let found = self.look(name, RecordType::CNAME).await?;
        Ok(found.into_iter().find_map(|data| match data {
            RData::CNAME(target) => Some(written(&target.0)),
            _ => None,
        }))
    }

    /// The addresses that the name has, or those of what it is an alias of.
    ///
    /// # Errors
    /// When the DNS does not answer: then they are not known.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Problem> {
        let (v4, v6) = futures::try_join!(
            self.look(name, RecordType::A),
            self.look(name, RecordType::AAAA)
        )?;
        let both = v4.into_iter().chain(v6);
        Ok(both.filter_map(|data| data.ip_addr()).collect())
    }

    /// The texts (TXT) of the name, each put together from its parts.
    ///
    /// # Errors
    /// When the DNS does not answer: then they are not known.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, Problem> {
        let found = self.look(name, RecordType::TXT).await?;
        let texts = found.into_iter().filter_map(|data| match data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        });
        Ok(texts
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .collect())
    }

    async fn look(&self, name: &str, record_type: RecordType) -> Result<Vec<RData>, Problem> {
        let whole = Name::from_ascii(format!("{name}.")).map_err(|error| {
            Problem::new(
                Code::DnsUnanswered,
                sentence!("{name} is no name: {error}.", name, error = chain(&error)),
            )
        })?;
        let resolver = self.0.as_ref().map_err(|problem| (**problem).clone())?;
        match resolver.lookup(whole, record_type).await {
            Ok(found) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(Vec::new()),
            Err(error) => Err(Problem::new(
                Code::DnsUnanswered,
                sentence!(
                    "The DNS did not answer for {name}: {error}.",
                    name,
                    error = chain(&error)
                ),
            )
            .hint(sentence!(
                "See whether the servers under [dns] in the worker's settings, or those of its machine, can be reached."
            ))),
        }
    }
}

fn resolver(servers: &[Server]) -> Result<TokioResolver, NetError> {
    let mut builder = match servers {
        [] => Resolver::builder_tokio()?,
        servers => {
            let servers = servers.iter().map(|server| {
                let mut config = NameServerConfig::udp_and_tcp(server.0.ip());
                for connection in &mut config.connections {
                    connection.port = server.0.port();
                }
                config
            });
            let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.timeout = TIMEOUT;
    options.attempts = ATTEMPTS;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    builder.build()
}

/// As manifests and Odoo have names.
fn written(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{A, CNAME, TXT};
    use tokio::net::UdpSocket;

    /// A server that has these records, and refuses to tell of `broken.example.org`.
    async fn server(records: Vec<Record>) -> Dns {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let asked = Message::from_vec(&buffer[..length]).unwrap();
                let query = asked.queries[0].clone();
                let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
                answer.metadata.recursion_available = true;
                answer.add_query(query.clone());
                let name = written(query.name());
                let of_name: Vec<&Record> = records
                    .iter()
                    .filter(|record| written(&record.name) == name)
                    .collect();
                for record in &of_name {
                    let is_alias = matches!(record.data, RData::CNAME(_));
                    if is_alias || record.data.record_type() == query.query_type() {
                        answer.add_answer((*record).clone());
                    }
                }
                answer.metadata.response_code = match (name.as_str(), of_name.is_empty()) {
                    ("broken.example.org", _) => ResponseCode::Refused,
                    (_, true) => ResponseCode::NXDomain,
                    (_, false) => ResponseCode::NoError,
                };
                socket
                    .send_to(&answer.to_vec().unwrap(), from)
                    .await
                    .unwrap();
            }
        });
        Dns::new(&[address.to_string().parse().unwrap()])
    }

    fn record(name: &str, data: RData) -> Record {
        Record::from_rdata(Name::from_ascii(name).unwrap(), 60, data)
    }

    #[tokio::test]
    async fn alias_addresses_and_texts_are_what_is_published() {
        let target = Name::from_ascii("Shop.Apps.example.com.").unwrap();
        let long = ["chandlery-", "domain=0123"].map(str::to_owned).to_vec();
        let dns = server(vec![
            record("www.example.org.", RData::CNAME(CNAME(target))),
            record("shop.apps.example.com.", RData::A(A::new(203, 0, 113, 7))),
            record("_chandlery.www.example.org.", RData::TXT(TXT::new(long))),
        ])
        .await;
        let alias = dns.alias("www.example.org").await.unwrap();
        assert_eq!(alias.as_deref(), Some("shop.apps.example.com"));
        let address: IpAddr = "203.0.113.7".parse().unwrap();
        assert_eq!(dns.addresses("www.example.org").await.unwrap(), [address]);
        assert_eq!(dns.alias("shop.apps.example.com").await.unwrap(), None);
        let texts = dns.texts("_chandlery.www.example.org").await.unwrap();
        assert_eq!(texts, ["chandlery-domain=0123"]);
    }

    #[tokio::test]
    async fn what_is_not_there_is_no_failure_and_what_is_not_answered_is_one() {
        let dns = server(Vec::new()).await;
        assert_eq!(dns.alias("www.example.org").await.unwrap(), None);
        assert!(dns.addresses("www.example.org").await.unwrap().is_empty());
        assert!(dns.texts("www.example.org").await.unwrap().is_empty());
        let problem = dns.alias("broken.example.org").await.unwrap_err();
        assert_eq!((problem.code, problem.retry), (Code::DnsUnanswered, true));
        let begin = "The DNS did not answer for broken.example.org: ";
        assert!(problem.message.starts_with(begin), "{problem}");
    }

    #[test]
    fn servers_are_named_by_their_addresses() {
        for (text, whole) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("127.0.0.1:5353", "127.0.0.1:5353"),
            ("2001:db8::53", "[2001:db8::53]:53"),
            ("[2001:db8::53]:54", "[2001:db8::53]:54"),
        ] {
            let server: Server = text.parse().unwrap();
            assert_eq!(server.0.to_string(), whole);
            assert_eq!(String::from(server), text);
        }
        for text in ["dns.example.com", "", "192.0.2.53:x", "192.0.2.0/24"] {
            let wrong = text.parse::<Server>().unwrap_err();
            assert!(
                wrong.contains("is not the address of a DNS server"),
                "{wrong}"
            );
        }
    }
}
