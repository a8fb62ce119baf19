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
        "NodePort" if rules.policy.node_port => {}
        "NodePort" => report.refuse_with(
            Rule::NodePort,
            &r#type.path,
            sentence!("The Service would take a port of every node."),
            sentence!("Use an Ingress."),
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
    let nodes = rules.policy.node_port || rules.policy.load_balancer;
    for port in spec.get("ports").items(Rule::Service, report) {
        let port = port.get("nodePort");
        if port.is_filled() && !nodes {
            report.refuse(
                Rule::NodePort,
                &port.path,
                sentence!("The Service would take a port of every node."),
            );
        }
    }
}
