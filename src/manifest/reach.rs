//! Where manifests may be fetched from.
//!
//! A manifest's URL, what it redirects to and the files it uses are other people's words: none of them may lead the worker
//! to what only the worker reaches (this machine, the cluster, a cloud's metadata). So every request is judged twice: by
//! its URL before it is made, and by the addresses of its host when the connection is made, by the very addresses that it
//! is then made to. The settings lift this for hosts and networks by name.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use futures::future::BoxFuture;
use ipnet::{IpNet, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::code::Code;
use crate::loopback::is_loopback;
use crate::policy::INSIDE;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// IPv4 by NAT64: the last four bytes are the address.
const NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// The address of IPv4 that one of IPv6 stands for, where it does.
fn plain(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        address => address,
    }
}

/// What an address that is not on the internet is; none for those that are.
fn inside(address: IpAddr) -> Option<&'static str> {
    let address = plain(address);
    let mut known = INSIDE.iter();
    known
        .find(|(net, _)| net.contains(&address))
        .map(|(_, what)| *what)
}

/// A host as the settings name it: `git.example.com`, or `git.example.com:8443`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place {
    host: Host,
    port: Option<u16>,
}

impl Place {
    /// Whether a URL leads there. Without a port, every port is meant.
    fn holds(&self, url: &Url) -> bool {
        url.host().is_some_and(|host| host.to_owned() == self.host)
            && (self.port.is_none() || self.port == url.port_or_known_default())
    }

    /// Whether a URL leads there. Without a port, https's own is meant.
    fn is_exactly(&self, url: &Url) -> bool {
        let port = self.port.unwrap_or(443);
        self.holds(url) && url.port_or_known_default() == Some(port)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is not a host such as git.example.com or git.example.com:8443");
        if let Ok(address) = text.parse() {
            return Ok(Self {
                host: Host::Ipv6(address),
                port: None,
            });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| wrong())?))
            }
            _ => (text, None),
        };
        // A URL's host is read the same way.
        match Host::parse(host) {
            Ok(host) if !text.contains(['/', '@', '*']) => Ok(Self { host, port }),
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// A network as the settings name it: `10.1.0.0/16`, or an address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text
            .parse::<IpAddr>()
            .map(|address| IpNet::from(address.to_canonical()));
        address
            .or_else(|_| text.parse::<IpNet>().map(|net| net.trunc()))
            .map(Self)
            .map_err(|_| format!("'{text}' is not a network such as 10.1.0.0/16"))
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

/// What the settings let manifests come from although it is not on the internet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Allowed {
    Network(Network),
    Place(Place),
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse().map(Self::Network);
        network
            .or_else(|_| text.parse().map(Self::Place))
            .map_err(|_: String| {
                format!("'{text}' is neither a host (git.example.com, 127.0.0.1:8090) nor a network (10.1.0.0/16)")
            })
    }
}

impl TryFrom<String> for Allowed {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Allowed> for String {
    fn from(allowed: Allowed) -> Self {
        match allowed {
            Allowed::Network(network) => network.into(),
            Allowed::Place(place) => place.into(),
        }
    }
}

/// Where manifests may be fetched from, and what is sent there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reach {
    /// Hosts and networks that may be used although they are not on the internet.
    pub allow: Vec<Allowed>,
    /// Networks that may not be used although they are on the internet: a cluster's own.
    pub refuse: Vec<Network>,
    /// Hosts beyond this machine that may be asked over http.
    pub allow_http: Vec<Place>,
    /// What only the host itself gets to read, by host.
    pub headers: BTreeMap<Place, HeaderMap>,
}

impl Reach {
    /// The internet, and the hosts of some URLs, over http as well.
    pub fn named(urls: &[String]) -> Self {
        let places = urls.iter().filter_map(|url| {
            let url = Url::parse(url).ok()?;
            Some(Place {
                host: url.host()?.to_owned(),
                port: url.port_or_known_default(),
            })
        });
        let allow_http: Vec<Place> = places.collect();
        Self {
            allow: allow_http.iter().cloned().map(Allowed::Place).collect(),
            allow_http,
            ..Self::default()
        }
    }

    /// Judges a URL before it is asked. The addresses of a name are judged when the connection is made.
    pub fn check(&self, url: &Url) -> Result<(), Problem> {
        let refused = |message: Sentence| Problem::new(Code::ManifestFetch, message);
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(sentence!("The URL cannot be used: `{scheme}` is not fetched.", scheme = url.scheme()))
                .hint(sentence!("Use a URL that begins with https:// (or http://, where the worker's settings allow that).")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(sentence!("The URL holds a login, which everybody who sees the URL could read.")).hint(sentence!("Take it out of the URL; whoever runs the worker sets what the host needs under [manifests.hosts] in the worker's settings.")));
        }
        let Some(host) = url.host() else {
            return Err(refused(sentence!("The URL names no host.")));
        };
        let address: Option<IpAddr> = match host {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        };
        if let Some(address) = address
            && !self.allows(url)
        {
            self.judge(&[address])
                .map_err(|what| Self::inside(url, &what))?;
        }
        if url.scheme() == "http"
            && !is_loopback(url)
            && !self.allow_http.iter().any(|place| place.holds(url))
        {
            return Err(refused(sentence!(
                "The host `{host}` is asked over http: whoever is on the way could change the manifest.",
                host
            ))
            .hint(sentence!("Use https://. Where the host has none, whoever runs the worker adds \"{host}\" to `allow_http` under [manifests] in the worker's settings.", host)));
        }
        Ok(())
    }

    /// Whether the settings name the URL's host, so that it may have any address.
    pub fn allows(&self, url: &Url) -> bool {
        let mut places = self.allow.iter();
        places.any(|allowed| matches!(allowed, Allowed::Place(place) if place.holds(url)))
    }

    /// The headers that a URL's host gets: never over a wire that others read.
    pub fn headers(&self, url: &Url) -> HeaderMap {
        let mut known = self.headers.iter();
        match known.find(|(place, _)| place.is_exactly(url)) {
            Some((_, headers)) if url.scheme() == "https" || is_loopback(url) => headers.clone(),
            _ => HeaderMap::new(),
        }
    }

    /// The addresses that may be connected to; where there are none, what they are.
    fn judge(&self, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, String> {
        let mut refused = Vec::new();
        let mut good = Vec::new();
        for address in addresses {
            let allowed = self
                .allow
                .iter()
                .any(|one| matches!(one, Allowed::Network(network) if network.contains(*address)));
            let what = match self.refuse.iter().any(|one| one.contains(plain(*address))) {
                true => Some("refused by the worker's settings"),
                false => inside(*address),
            };
            match what {
                Some(what) if !allowed => refused.push(format!("{address} ({what})")),
                _ => good.push(*address),
            }
        }
        match good.is_empty() && !refused.is_empty() {
            true => Err(refused.join(", ")),
            false => Ok(good),
        }
    }

    /// The refusal of a host that has such addresses only.
    pub fn inside(url: &Url, addresses: &str) -> Problem {
        let host = url.host_str().unwrap_or_default();
        let place = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Problem::new(Code::ManifestFetch, sentence!("The host `{host}` has the address {addresses}: manifests are fetched from the internet only.", host, addresses))
        .hint(sentence!("Correct the URL. If that host is meant, whoever runs the worker adds \"{place}\" or its network to `allow` under [manifests] in the worker's settings.", place))
    }
}

/// Finds the addresses of a name.
pub type LookUp =
    Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync>;

/// As this machine finds them.
pub fn system() -> LookUp {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Gives a connection only addresses that it may be made to.
pub struct Resolver {
    pub look_up: LookUp,
    /// `None` for hosts that the settings name.
    pub reach: Option<Arc<Reach>>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.look_up)(name.as_str().to_owned());
        let reach = self.reach.clone();
        Box::pin(async move {
            let mut addresses = found.await?;
            if let Some(reach) = reach {
                addresses = reach.judge(&addresses).map_err(Inside)?;
            }
            let addresses: Addrs =
                Box::new(addresses.into_iter().map(|address| (address, 0).into()));
            Ok(addresses)
        })
    }
}

/// Why no connection was made: all addresses of the name, each with what it is.
#[derive(Debug)]
pub struct Inside(pub String);

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not on the internet", self.0)
    }
}

impl std::error::Error for Inside {}

#[cfg(test)]
impl Reach {
    /// Also this machine, where the servers of tests are.
    pub fn of_tests() -> Self {
        Self {
            allow: vec!["127.0.0.1".parse().unwrap()],
            ..Self::default()
        }
    }
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
