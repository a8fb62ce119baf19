//! What stands in a `package.yml`.
//!
//! The comments of these types are the descriptions in `src/package/package.schema.json`, which editors show.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use strum::IntoStaticStr;

/// Whether an optional member has its own schema: it is not there rather than null.
#[cfg(test)]
type Schema<T> = T;

/// A package of an application for Chandlery: its name, the manifests that make it, its variables, and what it needs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The version of this format: 1.
    #[cfg_attr(test, schemars(range(min = 1, max = 1)))]
    pub format: u32,
    /// The package's name within its repository: lower-case letters, digits and hyphens. It never changes.
    #[cfg_attr(
        test,
        schemars(length(max = 63), regex(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))
    )]
    pub name: String,
    /// The package's version, in quotation marks. What has been published under a version stays as it is.
    #[cfg_attr(
        test,
        schemars(
            length(max = 63),
            regex(pattern = "^[0-9A-Za-z]([0-9A-Za-z.+_~-]*[0-9A-Za-z])?$")
        )
    )]
    pub version: String,
    /// What people call it.
    #[cfg_attr(test, schemars(length(min = 1, max = 80)))]
    pub title: String,
    /// One sentence, as it stands on a card.
    #[cfg_attr(test, schemars(length(min = 1, max = 200)))]
    pub summary: String,
    /// Paragraphs, in Markdown.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Schema<String>"))]
    pub description: Option<String>,
    /// A picture beside `package.yml`: SVG or PNG of at most 32 KiB.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(with = "Schema<String>", regex(pattern = r"\.(svg|png)$"))
    )]
    pub icon: Option<String>,
    /// Where it stands in the library, such as `Business`.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Schema<String>", length(min = 1, max = 40)))]
    pub category: Option<String>,
    /// What else it is found by.
    #[serde(default)]
    #[cfg_attr(test, schemars(length(max = 20)))]
    pub keywords: Vec<String>,
    /// The application's home page.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Schema<String>", regex(pattern = "^https?://")))]
    pub home: Option<String>,
    /// The application's licence as an SPDX expression, such as `LGPL-3.0-only`.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Schema<String>"))]
    pub licence: Option<String>,
    /// The manifests, by what they are for.
    pub manifests: Manifests,
    /// The environments that the application can have, by their codes; production alone where nothing is said.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(
            length(min = 1),
            inner(regex(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))
        )
    )]
    pub environments: Vec<String>,
    /// What can be set, in the order in which a form asks for it. What stands in `vars.yml` alone can be set, too, but no
    /// form asks for it.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// What customers choose from when buying, each at its price: a product that is made of the package has a variant for
    /// each.
    #[serde(default)]
    #[cfg_attr(test, schemars(length(max = 20)))]
    pub plans: Vec<Plan>,
    /// What it takes.
    #[serde(default)]
    pub needs: Needs,
    /// Labels of the package, by which others select it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Which clusters it may run on, by their labels: all where nothing is said.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Schema<Selector>"))]
    pub selector: Option<Selector>,
}

/// The label that each cluster has by itself: what kind it is.
const KIND_LABEL: &str = "chandlery.dev/kind";
const KUBERNETES: &str = "kubernetes";

impl Description {
    /// Whether its manifests are for Kubernetes: its selector asks for no other kind of cluster.
    pub fn is_for_kubernetes(&self) -> bool {
        let Some(selector) = &self.selector else {
            return true;
        };
        let is_kind = |expression: &&Expression| {
            expression.key == KIND_LABEL && expression.operator == Operator::In
        };
        let asked = selector.match_expressions.iter().filter(is_kind);
        let mut kinds = asked
            .flat_map(|expression| &expression.values)
            .chain(selector.match_labels.get(KIND_LABEL))
            .peekable();
        kinds.peek().is_none() || kinds.any(|kind| kind == KUBERNETES)
    }
}

/// Manifests by what they are for: paths below the package's folder, in the order in which they are applied.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifests {
    /// What makes the application.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub deploy: Vec<String>,
    /// What makes an integration a copy of its production.
    #[serde(default)]
    pub reset: Vec<String>,
}

impl Manifests {
    /// All of them, with the words of what they are for.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        [("deploy", &*self.deploy), ("reset", &*self.reset)].into_iter()
    }
}

/// A variable of the manifests that somebody may set.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// As the manifests name it.
    #[cfg_attr(test, schemars(regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$")))]
    pub name: String,
    /// What a form calls it.
    #[cfg_attr(test, schemars(length(min = 1, max = 80)))]
    pub title: String,
    /// What it does, in a sentence or two.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Schema<String>"))]
    pub help: Option<String>,
    /// What values it may have.
    #[serde(default)]
    pub r#type: Type,
    /// Its value where nobody sets it. It stands here or in `vars.yml`, not in both.
    pub default: Option<Value>,
    /// The only values that it may have.
    #[serde(default)]
    pub choices: Vec<Value>,
    /// Whether it must be set before the application can be deployed.
    #[serde(default)]
    pub required: bool,
    /// Whether it must not be shown: it is kept in a secret, not in a config map.
    #[serde(default)]
    pub secret: bool,
    /// How its value is made for each application where nobody sets it. It must be secret.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Schema<Generate>"))]
    pub generated: Option<Generate>,
    /// Whether the customer gets it with the invitation, to sign in for the first time. It must be secret, and it is one
    /// at most.
    #[serde(default)]
    pub first_password: bool,
    /// Who may set it beside the operator.
    #[serde(default)]
    pub set_by: SetBy,
}

/// What values a variable may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, IntoStaticStr)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Type {
    /// One line of text.
    #[default]
    String,
    /// Lines of text.
    Text,
    Integer,
    Number,
    Boolean,
    /// An amount as Kubernetes writes it: `500m`, `2Gi`.
    Quantity,
    List,
    Mapping,
}

/// Who may set a variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, IntoStaticStr)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SetBy {
    /// Nobody but the operator.
    #[default]
    Operator,
    /// The customer, when buying.
    Checkout,
    /// The customer, later; when buying, too, where it is required.
    Customer,
}

/// How a value is made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// How many characters.
    #[cfg_attr(test, schemars(range(min = 8, max = 256)))]
    pub length: u32,
    /// Of which characters.
    #[serde(default)]
    pub alphabet: Alphabet,
}

/// Which characters a value is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, IntoStaticStr)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Alphabet {
    /// A-Z, a-z, 0-9.
    #[default]
    Alphanumeric,
    /// 0-9, a-f.
    Hex,
    /// All printable ASCII characters but the blank.
    Ascii,
}

/// What a customer chooses when buying, such as small or large.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The plan's name within the package: lower-case letters, digits and hyphens. It never changes.
    #[cfg_attr(
        test,
        schemars(length(max = 63), regex(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))
    )]
    pub name: String,
    /// What the customer reads, such as `Small`.
    #[cfg_attr(test, schemars(length(min = 1, max = 40)))]
    pub title: String,
    /// What one gets with it, beside its title.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Schema<String>", length(max = 200)))]
    pub help: Option<String>,
    /// Processors of all containers together, where they are more than what the package needs.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(with = "Schema<String>", regex(pattern = "^[0-9]+(\\.[0-9]+)?m?$"))
    )]
    pub cpu: Option<String>,
    /// Memory of all containers together, where it is more than what the package needs.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(
            with = "Schema<String>",
            regex(pattern = "^[0-9]+(\\.[0-9]+)?([KMGT]i?|k)?$")
        )
    )]
    pub memory: Option<String>,
    /// All volumes together, where they are larger than what the package needs.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(
            with = "Schema<String>",
            regex(pattern = "^[0-9]+(\\.[0-9]+)?([KMGT]i?|k)?$")
        )
    )]
    pub storage: Option<String>,
    /// Values of variables, in the place of their defaults.
    #[serde(default)]
    pub values: BTreeMap<String, Value>,
}

/// What an application takes of a cluster. What is not said is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// The oldest version of Kubernetes, in quotation marks, such as `"1.30"`.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(with = "Schema<String>", regex(pattern = r"^1\.[0-9]+$"))
    )]
    pub kubernetes: Option<String>,
    /// Kinds beyond those of every cluster, each with its group, such as `Certificate.cert-manager.io`.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(inner(regex(pattern = r"^[A-Z][A-Za-z0-9]*(\.[a-z0-9-]+)+$")))
    )]
    pub kinds: Vec<String>,
    /// Processors of all its containers together, such as `500m`.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(with = "Schema<String>", regex(pattern = "^[0-9]+(\\.[0-9]+)?m?$"))
    )]
    pub cpu: Option<String>,
    /// Memory of all its containers together, such as `2Gi`.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(
            with = "Schema<String>",
            regex(pattern = "^[0-9]+(\\.[0-9]+)?([KMGT]i?|k)?$")
        )
    )]
    pub memory: Option<String>,
    /// All its volumes together, such as `20Gi`.
    #[serde(default)]
    #[cfg_attr(
        test,
        schemars(
            with = "Schema<String>",
            regex(pattern = "^[0-9]+(\\.[0-9]+)?([KMGT]i?|k)?$")
        )
    )]
    pub storage: Option<String>,
    /// How many ports of the nodes it takes.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(max = 100)))]
    pub node_ports: u32,
}

/// Which clusters, by their labels, in the words of Kubernetes' label selectors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selector {
    /// Labels with these values.
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions; all of them must hold.
    #[serde(default)]
    pub match_expressions: Vec<Expression>,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Expression {
    /// The label.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub key: String,
    pub operator: Operator,
    /// The values that `In` and `NotIn` speak of; the others have none.
    #[serde(default)]
    pub values: Vec<String>,
}

/// How a label is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, IntoStaticStr)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}
