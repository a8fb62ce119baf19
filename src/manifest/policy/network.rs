//! NetworkPolicies: what one allows, no other takes back, so that a manifest's may not open what the namespace's own
//! NetworkPolicy closes. It may let in pods of namespaces that it names by `kubernetes.io/metadata.name`, a label that
//! nobody can give himself; and let out to the same app's namespaces, to the cluster's DNS and to the internet, but not
//! into the cluster's own networks. Where a cluster has the namespace's NetworkPolicy turned off, nothing is refused.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

use super::{Part, Report, Rule, Rules};
use crate::policy::inside;
use crate::sentence;

const NAME: &str = "kubernetes.io/metadata.name";
pub(super) fn check(whole: &Part, rules: &Rules, report: &mut Report) {
    if whole.get("kind").text() != "NetworkPolicy" || !rules.policy.network_policy {
        return;
    }
    let spec = whole.get("spec");
    spec.only(
        &["egress", "ingress", "podSelector", "policyTypes"],
        Rule::Network,
        report,
    );
    for rule in spec.get("ingress").items(Rule::Network, report) {
        rule.only(&["from", "ports"], Rule::Network, report);
        let from = rule.get("from");
        let public =
            (rules.policy.load_balancer || rules.policy.node_port || !rules.node_ports.is_empty())
                && rule.get("ports").is_filled();
        if !from.is_filled() && !public {
            report.refuse_with(Rule::Network, &from.path, sentence!("The rule lets everybody in."), sentence!("Say from where: pods of the app, or namespaces by the label kubernetes.io/metadata.name."));
        }
        for peer in from.items(Rule::Network, report) {
            check_peer(&peer, report);
            let block = peer.get("ipBlock");
            if block.is_set() && !public {
                report.refuse(
                    Rule::Network,
                    &block.path,
                    sentence!("The rule lets in addresses instead of pods."),
                );
            }
            names(&peer.get("namespaceSelector"), report);
        }
    }
    for rule in spec.get("egress").items(Rule::Network, report) {
        rule.only(&["ports", "to"], Rule::Network, report);
        let is_dns = only_dns(&rule.get("ports"), report);
        let to = rule.get("to");
        if !to.is_filled() {
            report.refuse_with(Rule::Network, &to.path, sentence!("The rule lets the pods out to everywhere, also into the cluster's own networks."), match is_dns {
                    true => {
                        sentence!("Write `to: [{{namespaceSelector: {{}}}}]`: the cluster's DNS runs in pods.")
                    }
                    false => sentence!("Say where to."),
                });
        }
        for peer in to.items(Rule::Network, report) {
            check_peer(&peer, report);
            check_block(&peer.get("ipBlock"), report);
            // What listens there in a namespace is the cluster's DNS, or closed by that namespace's own NetworkPolicy.
            if is_dns {
                continue;
            }
            for name in names(&peer.get("namespaceSelector"), report) {
                let own =
                    name == rules.namespace || rules.siblings.iter().any(|sibling| sibling == name);
                if !own {
                    report.refuse_with(
                        Rule::Network,
                        &peer.get("namespaceSelector").path,
                        sentence!(
                            "The namespace {name} is not this app's in any environment.",
                            name
                        ),
                        sentence!("Remove it."),
                    );
                }
            }
        }
    }
}

fn check_peer(peer: &Part, report: &mut Report) {
    peer.only(
        &["ipBlock", "namespaceSelector", "podSelector"],
        Rule::Network,
        report,
    );
    if !peer.is_filled() {
        report.refuse(
            Rule::Network,
            &peer.path,
            sentence!("An empty peer is everybody."),
        );
    }
}

/// The namespaces that a selector names; refused where it selects in another way.
fn names<'a>(selector: &Part<'a>, report: &mut Report) -> Vec<&'a str> {
    if !selector.is_set() {
        return Vec::new();
    }
    selector.only(&["matchExpressions", "matchLabels"], Rule::Network, report);
    let label = selector.get("matchLabels").get(NAME);
    let mut names = Vec::new();
    if label.is_filled() {
        names.push(label.text());
    }
    for expression in selector
        .get("matchExpressions")
        .items(Rule::Network, report)
    {
        if expression.get("key").text() == NAME && expression.get("operator").text() == "In" {
            let values = expression.get("values").items(Rule::Network, report);
            names.extend(values.iter().map(Part::text));
        }
    }
    if names.is_empty() {
        report.refuse_with(Rule::Network, &selector.path, sentence!("The rule selects namespaces, but does not name them: other apps' may be among them."), sentence!("Name them by the label kubernetes.io/metadata.name."));
    }
    names
}

/// Whether a rule is about the ports of DNS alone.
fn only_dns(ports: &Part, report: &mut Report) -> bool {
    let ports = ports.items(Rule::Network, report);
    let is_dns =
        |port: &Part| port.get("port").value.as_u64() == Some(53) && !port.get("endPort").is_set();
    !ports.is_empty() && ports.iter().all(is_dns)
}

/// A block of addresses that pods are let out to.
fn check_block(block: &Part, report: &mut Report) {
    if !block.is_set() {
        return;
    }
    block.only(&["cidr", "except"], Rule::Network, report);
    let cidr = block.get("cidr");
    let Some(network) = network(cidr.text()) else {
        report.refuse_with(
            Rule::Network,
            &cidr.path,
            sentence!("`{shown}` is no network.", shown = cidr.shown()),
            sentence!("Write it like 1.1.1.0/24."),
        );
        return;
    };
    let excepted = block.get("except").items(Rule::Network, report);
    let excepted: Vec<IpNet> = excepted
        .iter()
        .filter_map(|except| self::network(except.text()))
        .collect();
    let excepted = IpNet::aggregate(&excepted);
    let open: Vec<String> = inside()
        .into_iter()
        .filter(|inside| {
            let common = match (inside.contains(&network), network.contains(inside)) {
                (true, _) => network,
                (_, true) => *inside,
                _ => return false,
            };
            !excepted.iter().any(|except| except.contains(&common))
        })
        .map(|inside| inside.to_string())
        .collect();
    if !open.is_empty() {
        report.refuse_with(
            Rule::Network,
            &cidr.path,
            sentence!(
                "The rule lets the pods out into networks that are not the internet: {open}.",
                open = open.join(", ")
            ),
            sentence!("List them under `except`, or name a smaller network."),
        );
    }
}

fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = text
        .parse()
        .ok()
        .or_else(|| IpAddr::from_str(text).ok().map(IpNet::from))?;
    Some(match network {
        // An address of IPv4, written as one of IPv6.
        IpNet::V6(six) if six.prefix_len() >= 96 => match six.addr().to_ipv4_mapped() {
            Some(four) => Ipv4Net::new(four, six.prefix_len() - 96)
                .ok()?
                .trunc()
                .into(),
            None => network.trunc(),
        },
        _ => network.trunc(),
    })
}
