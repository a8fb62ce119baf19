//! The variables that Chandlery itself gives to every manifest.

use serde_json::Value;

use crate::ansible::Variables;

/// Where these variables come from, for people.
pub const ORIGIN: &str = "Chandlery";

/// Their values for one app. What nobody else may set: of two variables with one name these win.
pub struct Given<'a> {
    pub app_name: &'a str,
    pub environment: &'a str,
    pub hostname: &'a str,
    pub hostnames: &'a [String],
    pub primary_hostname: &'a str,
    pub url: &'a str,
    pub namespace: &'a str,
    pub cluster_name: &'a str,
    pub cluster_domain: &'a str,
    pub ingress_class: &'a str,
    pub tls_issuer: &'a str,
    pub sibling_namespaces: &'a [String],
    pub node_ports: &'a [u16],
}

impl Given<'_> {
    /// Their names. `production` is given to the manifests of a reset alone.
    pub const NAMES: [&'static str; 14] = [
        "app_name",
        "environment",
        "hostname",
        "primary_hostname",
        "url",
        "namespace",
        "cluster_name",
        "cluster_domain",
        "ingress_class",
        "tls_issuer",
        "hostnames",
        "sibling_namespaces",
        "node_ports",
        "production",
    ];

    /// Adds them, but for `production`.
    pub fn set(&self, variables: &mut Variables) {
        for (name, value) in [
            ("app_name", self.app_name),
            ("environment", self.environment),
            ("hostname", self.hostname),
            ("primary_hostname", self.primary_hostname),
            ("url", self.url),
            ("namespace", self.namespace),
            ("cluster_name", self.cluster_name),
            ("cluster_domain", self.cluster_domain),
            ("ingress_class", self.ingress_class),
            ("tls_issuer", self.tls_issuer),
        ] {
            variables.set(name, value, ORIGIN);
        }
        for (name, values) in [
            ("hostnames", self.hostnames),
            ("sibling_namespaces", self.sibling_namespaces),
        ] {
            let values = values.iter().cloned().map(Value::from);
            variables.set(name, Value::Array(values.collect()), ORIGIN);
        }
        let ports = self.node_ports.iter().copied().map(Value::from);
        variables.set("node_ports", Value::Array(ports.collect()), ORIGIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_are_named_are_given() {
        let given = Given {
            app_name: "shop",
            environment: "int",
            hostname: "shop-int.example.com",
            hostnames: &["www.example.org".to_owned()],
            primary_hostname: "www.example.org",
            url: "https://shop-int.example.com",
            namespace: "shop-int",
            cluster_name: "main",
            cluster_domain: "example.com",
            ingress_class: "nginx",
            tls_issuer: "letsencrypt",
            sibling_namespaces: &["shop-prod".to_owned()],
            node_ports: &[30001],
        };
        let mut variables = Variables::new();
        given.set(&mut variables);
        let mut names: Vec<&str> = variables.iter().map(|(name, _)| name).collect();
        names.push("production");
        assert_eq!(names, Given::NAMES);
    }
}
