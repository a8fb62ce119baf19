//! Services: ways to the app's own pods, from within the cluster unless the policy allows more.

use super::{Part, Report, Rule, Rules};
use crate::sentence;

const SERVICE: [&str; 20] = [
    "allocateLoadBalancerNodePorts",
    "clusterIP",
    "clusterIPs",
    "externalIPs",
    "externalName",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "ports",
    "publishNotReadyAddresses",
    "selector",
    "sessionAffinity",
    "sessionAffinityConfig",
    "trafficDistribution",
    "type",
];

pub(super) fn check(whole: &Part, rules: &Rules, report: &mut Report) {
    if whole.get("kind").text() != "Service" {
        return;
    }
    let spec = whole.get("spec");
    spec.only(&SERVICE, Rule::Service, report);
    let r#type = spec.get("type");
    match r#type.text() {
        "LoadBalancer" if rules.policy.load_balancer => {}
        "LoadBalancer" => report.refuse_with(
            Rule::LoadBalancer,
            &r#type.path,
            sentence!("The Service would have an address of its own outside the cluster."),
            sentence!("Use an Ingress."),
        ),
        "NodePort" if rules.policy.node_port || !rules.node_ports.is_empty() => {}
        "NodePort" => report.refuse_with(
            Rule::NodePort,
            &r#type.path,
            sentence!("The Service would take a port of every node."),
            sentence!("Use an Ingress, or give the app ports of its own: `needs.node_ports` of its package, “Node Ports” on its page Limits."),
        ),
        "ClusterIP" => {}
        _ if !r#type.is_set() => {}
        _ => report.refuse(
            Rule::Service,
            &r#type.path,
            sentence!(
                "A Service of the type {shown} leads elsewhere.",
                shown = r#type.shown()
            ),
        ),
    }
    for (name, message) in [
        (
            "externalIPs",
            sentence!("The Service would take traffic to these addresses, whoever they belong to."),
        ),
        (
            "externalName",
            sentence!("The Service would lead to another host."),
        ),
        (
            "loadBalancerIP",
            sentence!("The Service would take this address, whoever it belongs to."),
        ),
        (
            "loadBalancerClass",
            sentence!("Which program makes load balancers is the cluster's to say."),
        ),
        (
            "healthCheckNodePort",
            sentence!("The Service would take this port of every node."),
        ),
    ] {
        let part = spec.get(name);
        if part.is_filled() {
            report.refuse(Rule::Service, &part.path, message);
        }
    }
    let mut addresses = spec.get("clusterIPs").items(Rule::Service, report);
    addresses.push(spec.get("clusterIP"));
    for address in addresses {
        if address.is_filled() && address.text() != "None" {
            report.refuse(
                Rule::Service,
                &address.path,
                sentence!(
                    "Which address within the cluster a Service has is the cluster's to say."
                ),
            );
        }
    }
    if !spec.get("selector").is_filled() {
        report.refuse_with(
            Rule::Service,
            &spec.get("selector").path,
            sentence!("A Service without a selector leads to addresses that somebody else writes."),
            sentence!("Select the app's pods."),
        );
    }
    // A load balancer reaches its Service by any port of the nodes.
    let by_balancer = rules.policy.load_balancer && r#type.text() != "NodePort";
    if !rules.policy.node_port && !by_balancer {
        for port in spec.get("ports").items(Rule::Service, report) {
            check_node_port(&port.get("nodePort"), r#type.text(), rules, report);
        }
    }
}

/// Where the policy does not give all ports of the nodes, an app has those that Odoo reserved for it.
fn check_node_port(port: &Part, r#type: &str, rules: &Rules, report: &mut Report) {
    let own = rules.node_ports;
    let number = port.value.as_u64();
    if number.is_some_and(|number| own.iter().any(|own| u64::from(*own) == number)) {
        return;
    }
    if own.is_empty() {
        if port.is_filled() {
            let message = sentence!("The Service would take a port of every node.");
            report.refuse(Rule::NodePort, &port.path, message);
        }
    } else if port.is_filled() || r#type == "NodePort" {
        let own: Vec<String> = own.iter().map(u16::to_string).collect();
        report.refuse_with(
            Rule::NodePort,
            &port.path,
            sentence!("The Service would take a port of every node that is not one of the app's."),
            sentence!(
                "Take one of its own, {own}: `nodePort: {{{{ node_ports[0] }}}}`, without quotation marks.",
                own = own.join(", ")
            ),
        );
    }
}
