//! Services: ways to the app's own pods, from within the cluster unless the policy allows more.

use super::{Part, Report, Rule, Rules};

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
            "The Service would have an address of its own outside the cluster.",
            "Use an Ingress.",
        ),
        "NodePort" if rules.policy.node_port => {}
        "NodePort" => report.refuse_with(
            Rule::NodePort,
            &r#type.path,
            "The Service would take a port of every node.",
            "Use an Ingress.",
        ),
        "ClusterIP" => {}
        _ if !r#type.is_set() => {}
        _ => report.refuse(
            Rule::Service,
            &r#type.path,
            format!("A Service of the type {} leads elsewhere.", r#type.shown()),
        ),
    }
    for (name, message) in [
        (
            "externalIPs",
            "The Service would take traffic to these addresses, whoever they belong to.",
        ),
        ("externalName", "The Service would lead to another host."),
        (
            "loadBalancerIP",
            "The Service would take this address, whoever it belongs to.",
        ),
        (
            "loadBalancerClass",
            "Which program makes load balancers is the cluster's to say.",
        ),
        (
            "healthCheckNodePort",
            "The Service would take this port of every node.",
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
                "Which address within the cluster a Service has is the cluster's to say.",
            );
        }
    }
    if !spec.get("selector").is_filled() {
        report.refuse_with(
            Rule::Service,
            &spec.get("selector").path,
            "A Service without a selector leads to addresses that somebody else writes.",
            "Select the app's pods.",
        );
    }
    let nodes = rules.policy.node_port || rules.policy.load_balancer;
    for port in spec.get("ports").items(Rule::Service, report) {
        let port = port.get("nodePort");
        if port.is_filled() && !nodes {
            report.refuse(
                Rule::NodePort,
                &port.path,
                "The Service would take a port of every node.",
            );
        }
    }
}
