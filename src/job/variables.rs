//! The variables of a deploy: the app's config map and secret, what is generated, and what Chandlery itself gives.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use yaml_dialects::Data;
use yaml_dialects::pyyaml::float_text;

use crate::ansible::vault::Vault;
use crate::ansible::{self, Variable, Variables};
use crate::code::Code;
use crate::kubernetes::generated::{Alphabet, Generated, Rule};
use crate::manifest::given::{Given, ORIGIN};
use crate::odoo::contract::{App, Cluster, ManifestValues, Production, SecretLine, ValueType};
use crate::problem::Problem;
use crate::redact::Redactor;
use crate::sentence;
use crate::sentence::Sentence;

const CONFIG_MAP: &str = "config map";
const SECRET: &str = "secret";
/// The member of `production` that must not be shown.
const PRODUCTION_SECRETS: &str = "secrets";

/// Gathers them; of two with one name the later wins, and Chandlery's own always do. `production` holds the secrets of
/// the production app, where the manifests may use them; `vault` opens what is encrypted, when it is used.
pub fn variables(
    values: &ManifestValues,
    app: &App,
    site: &Cluster,
    generated: &Generated,
    production: Option<&Generated>,
    vault: &Vault,
) -> Result<Variables, Problem> {
    check_names(app, values.production.as_ref())?;
    let mut variables = Variables::opened_by(vault);
    for line in &values.config_map {
        let value = match line.r#type {
            ValueType::String => Data::from(line.value.as_str()),
            ValueType::Yaml => ansible::read_value(&line.key, &line.value, CONFIG_MAP)?,
        };
        variables.set(&line.key, value, CONFIG_MAP);
    }
    for line in &values.secret {
        if let Some(value) = secret_value(line)? {
            variables.set_secret(&line.key, value, SECRET, false);
        } else if let Some(value) = generated.get(&line.key) {
            variables.set_secret(&line.key, value.expose_secret(), "generated secret", true);
        }
    }
    let given = Given {
        app_name: &app.name,
        environment: &app.environment,
        hostname: &app.hostname,
        hostnames: &app.hostnames(),
        primary_hostname: app.primary_hostname(),
        url: &app.url,
        namespace: &app.namespace,
        cluster_name: &site.name,
        cluster_domain: &site.domain,
        ingress_class: &site.ingress_class,
        tls_issuer: &site.tls_issuer,
        sibling_namespaces: &app.siblings,
        node_ports: &app.node_ports,
    };
    given.set(&mut variables);
    if let Some(beside) = &values.production {
        set_production(&mut variables, beside, production);
    }
    Ok(variables)
}

/// Refuses names that are none. Customers choose them, Odoo lets them choose DNS names only, and manifests put them
/// between quotation marks: any other text could say something else there.
fn check_names(app: &App, production: Option<&Production>) -> Result<(), Problem> {
    let own = [
        ("name", &app.name),
        ("environment", &app.environment),
        ("hostname", &app.hostname),
        ("namespace", &app.namespace),
    ];
    let domains = app.domains.iter().chain(&app.primary_hostname);
    let domains = domains.map(|name| ("domain", name));
    let beside = production.map(|beside| {
        [
            ("production's name", &beside.name),
            ("production's hostname", &beside.hostname),
            ("production's namespace", &beside.namespace),
        ]
    });
    let wrong = |what: &str, value: &str, is: &str| {
        Problem::new(
            Code::Contract,
            sentence!("The app's {what} {value} is no {is}, so that a manifest could say something else with it.", what, value = format!("{value:?}"), is),
        )
        .hint(sentence!("Odoo's addons make no such app: whoever changed its record has to put it right there."))
    };
    let all = own.into_iter().chain(domains);
    for (what, value) in all.chain(beside.into_iter().flatten()) {
        let is_sign = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        if value.is_empty() || value.len() > 253 || !value.bytes().all(is_sign) {
            return Err(wrong(what, value, "DNS name"));
        }
    }
    let urls = [
        ("URL", Some(&app.url)),
        ("production's URL", production.map(|beside| &beside.url)),
    ];
    for (what, value) in urls {
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?&=%[]".contains(&byte);
        if let Some(value) = value.filter(|value| !value.bytes().all(is_sign)) {
            return Err(wrong(what, value, "address of a web site"));
        }
    }
    Ok(())
}

/// Gives `production`. Of what it holds only the secrets must not be shown.
fn set_production(variables: &mut Variables, beside: &Production, secrets: Option<&Generated>) {
    let mut value = json!({
        "name": beside.name,
        "namespace": beside.namespace,
        "hostname": beside.hostname,
        "url": beside.url,
    });
    if let Some(secrets) = secrets {
        let secrets: Map<String, Value> = secrets
            .iter()
            .map(|(key, value)| (key.clone(), value.expose_secret().into()))
            .collect();
        value[PRODUCTION_SECRETS] = Value::Object(secrets);
    }
    let production = Variable {
        value: value.into(),
        origin: ORIGIN.to_owned(),
        literal: true,
        secret: false,
        secret_member: Some(PRODUCTION_SECRETS),
        written: None,
    };
    variables.insert("production", production);
}

/// The value of a line that holds one.
fn secret_value(line: &SecretLine) -> Result<Option<Data>, Problem> {
    let Some(value) = &line.value else {
        return Ok(None);
    };
    let value = value.expose_secret();
    match line.r#type {
        ValueType::String => Ok(Some(Data::from(value))),
        ValueType::Yaml => match ansible::read_value(&line.key, value, SECRET) {
            Ok(value) => Ok(Some(value)),
            // What the reader has to say may quote the value.
            Err(problem) => Err(Problem {
                message: sentence!(
                    "The value of `{key}` (secret) is not YAML.",
                    key = &line.key
                ),
                excerpts: Vec::new(),
                ..problem
            }),
        },
    }
}

/// Hides the values that a job carries, as they are written.
pub fn secrets(lines: &[SecretLine]) -> Redactor {
    let mut secrets = Vec::new();
    for line in lines {
        if let Ok(Some(value)) = secret_value(line) {
            ansible::texts(&value, &mut secrets);
        }
        secrets.extend(
            line.value
                .iter()
                .map(|value| value.expose_secret().to_owned()),
        );
    }
    Redactor::new(secrets)
}

/// The text of a line that holds a value, as a person types it.
pub fn set_text(line: &SecretLine, vault: &Vault) -> Result<SecretString, Problem> {
    let wrong = |what: Sentence| {
        Problem::new(Code::PasswordMissing, sentence!("The value of `{key}` (secret) is {what}, so that it cannot be told to the customer.", key = &line.key, what))
        .hint(sentence!("Give the app's first password as a plain value, or let it be generated."))
    };
    match secret_value(line)? {
        Some(Data::Text(text)) if ["{{", "{%", "{#"].iter().any(|begin| text.contains(begin)) => {
            Err(wrong(sentence!("a template")))
        }
        Some(Data::Text(text) | Data::Literal(text)) => Ok(SecretString::from(text)),
        Some(Data::Vault(text)) => vault.open(&text).map_err(|closed| {
            ansible::of_closed(&format!("The value of `{}` ({SECRET})", line.key), &closed)
        }),
        Some(Data::Int(number)) => Ok(SecretString::from(number.to_string())),
        Some(Data::Big(number)) => Ok(SecretString::from(number.to_string())),
        Some(Data::Float(number)) => Ok(SecretString::from(float_text(number))),
        _ => Err(wrong(sentence!("no text"))),
    }
}

/// The rules of the lines whose value is generated.
pub fn rules(secret: &[SecretLine]) -> Result<Vec<Rule>, Problem> {
    let lines = secret.iter().filter(|line| line.value.is_none());
    let rules = lines.filter_map(|line| line.generate.as_ref().map(|generate| (line, generate)));
    rules
        .map(|(line, generate)| {
            let wrong = |reason: Sentence| {
                Problem::new(
                    Code::Variables,
                    sentence!(
                        "The rule for `{key}` (secret) cannot be followed: {reason}.",
                        key = &line.key,
                        reason
                    ),
                )
                .hint(sentence!("Correct the line in the app's secret."))
            };
            let alphabet = match generate.alphabet.as_str() {
                "alphanumeric" => Alphabet::Alphanumeric,
                "hex" => Alphabet::Hex,
                "ascii" => Alphabet::Ascii,
                other => return Err(wrong(sentence!("there is no alphabet '{other}'", other))),
            };
            if !(1..=4096).contains(&generate.length) {
                return Err(wrong(sentence!(
                    "a length of {number} is not between 1 and 4096",
                    number = generate.length
                )));
            }
            Ok(Rule {
                key: line.key.clone(),
                length: generate.length as usize,
                alphabet,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odoo::contract::{Action, AppJob, Job, Work};

    /// The golden deploy, changed.
    struct Deploy {
        app: App,
        site: Cluster,
        values: ManifestValues,
    }

    fn job(change: impl FnOnce(&mut Value)) -> Deploy {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/contract/claim_response.json"
        );
        let claim: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut job = claim["jobs"][0].clone();
        change(&mut job);
        let Work::App(job) = Job::read(&job).unwrap().work else {
            panic!("it is of an app");
        };
        let AppJob {
            app,
            cluster: site,
            action: Action::Deploy(manifests),
        } = *job
        else {
            panic!("it is a deploy");
        };
        Deploy {
            app,
            site,
            values: manifests.values,
        }
    }

    fn gathered(job: &Deploy, generated: &Generated) -> Result<Variables, Problem> {
        variables(
            &job.values,
            &job.app,
            &job.site,
            generated,
            None,
            &Vault::default(),
        )
    }

    #[test]
    fn lines_keep_their_types_and_refer_to_one_another() {
        let generated = Generated::from([(
            "postgres_password".to_owned(),
            SecretString::from("{{ x }}"),
        )]);
        let resolved = gathered(&job(|_| {}), &generated)
            .unwrap()
            .resolve()
            .unwrap();
        assert_eq!(resolved.get("odoo_replicas"), Some(json!(1)));
        assert_eq!(resolved.get("odoo_volume_name"), Some(json!("shop-data")));
        assert_eq!(resolved.get("smtp_password"), Some(json!("s3cr#t")));
        assert_eq!(
            resolved.get("postgres_password"),
            Some(json!("{{ x }}")),
            "generated values are no templates"
        );
        assert_eq!(resolved.mask("it is s3cr#t"), "it is ***");
    }

    #[test]
    fn what_chandlery_gives_always_wins() {
        let job = job(|job| {
            job["config_map"] =
                json!([{"key": "namespace", "type": "string", "value": "kube-system"}]);
        });
        let resolved = gathered(&job, &Generated::new())
            .unwrap()
            .resolve()
            .unwrap();
        for (name, value) in [
            ("app_name", "shop"),
            ("environment", "int"),
            ("hostname", "shop-int.apps.localhost"),
            ("url", "http://shop-int.apps.localhost"),
            ("namespace", "shop-int"),
            ("cluster_name", "demo"),
            ("cluster_domain", "apps.localhost"),
            ("ingress_class", "traefik"),
            ("primary_hostname", "shop-int.apps.localhost"),
            ("tls_issuer", ""),
        ] {
            assert_eq!(resolved.get(name), Some(json!(value)), "{name}");
        }
        assert_eq!(
            resolved.get("hostnames"),
            Some(json!(["shop-int.apps.localhost"]))
        );
    }

    #[test]
    fn domains_come_first_and_none_says_something_else_in_a_manifest() {
        let with = |domains: Value| {
            job(move |job| {
                job["app"]["primary_hostname"] = domains[0].clone();
                job["app"]["domains"] = domains;
                job["cluster"]["tls_issuer"] = json!("letsencrypt");
            })
        };
        let job = with(json!(["www.example.org", "example.org"]));
        let resolved = gathered(&job, &Generated::new());
        let resolved = resolved.unwrap().resolve().unwrap();
        assert_eq!(
            resolved.get("hostnames"),
            Some(json!([
                "www.example.org",
                "example.org",
                "shop-int.apps.localhost"
            ]))
        );
        assert_eq!(
            resolved.get("hostname"),
            Some(json!("shop-int.apps.localhost"))
        );
        assert_eq!(
            resolved.get("primary_hostname"),
            Some(json!("www.example.org"))
        );
        assert_eq!(resolved.get("tls_issuer"), Some(json!("letsencrypt")));
        for name in ["a\"b.example.org", "{{ x }}", "*.example.org", ""] {
            let problem = gathered(&with(json!([name])), &Generated::new()).unwrap_err();
            assert!(problem.message.contains("is no DNS name"), "{problem}");
        }
    }

    #[test]
    fn production_is_given_and_its_secrets_only_where_they_may_be_used() {
        let job = job(|_| {});
        let plain = gathered(&job, &Generated::new())
            .unwrap()
            .resolve()
            .unwrap();
        let production = plain.get("production").unwrap();
        assert_eq!(production["namespace"], "shop-prod");
        assert_eq!(production["secrets"], Value::Null);

        let secrets =
            Generated::from([("database".to_owned(), SecretString::from("{{ hunter2 }}"))]);
        let with = variables(
            &job.values,
            &job.app,
            &job.site,
            &Generated::new(),
            Some(&secrets),
            &Vault::default(),
        )
        .unwrap();
        let with = with.resolve().unwrap();
        let production = with.get("production").unwrap();
        assert_eq!(production["secrets"]["database"], "{{ hunter2 }}");
        assert_eq!(
            with.mask("shop-prod has {{ hunter2 }}"),
            "shop-prod has ***",
            "only the secrets are masked"
        );
    }

    #[test]
    fn a_secret_that_is_no_yaml_is_named_and_not_shown() {
        let job = job(|job| {
            job["secret"] =
                json!([{"key": "smtp", "type": "yaml", "value": "[hunter2", "generate": null}]);
        });
        let problem = gathered(&job, &Generated::new()).unwrap_err();
        assert!(problem.message.contains("`smtp`"), "{problem}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }

    #[test]
    fn a_set_value_is_told_as_it_is_typed_and_a_template_never() {
        let text = |r#type: &str, value: &str| {
            let job = job(|job| {
                job["secret"] =
                    json!([{"key": "k", "type": r#type, "value": value, "generate": null}]);
            });
            set_text(&job.values.secret[0], &Vault::default())
                .map(|text| text.expose_secret().to_owned())
        };
        assert_eq!(text("string", "0123 #x").unwrap(), "0123 #x");
        assert_eq!(text("yaml", "123").unwrap(), "123");
        assert_eq!(text("yaml", "'0123'").unwrap(), "0123");
        for (r#type, value) in [("string", "{{ hunter2 }}"), ("yaml", "[hunter2]")] {
            let problem = text(r#type, value).unwrap_err();
            assert_eq!(problem.code.as_str(), "password_missing");
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn an_encrypted_value_is_told_opened_and_without_its_password_named_with_its_id() {
        let value = "!vault |\n  $ANSIBLE_VAULT;1.2;AES256;prod\n  3730363137323639373437390a646131356566663666313332333238333935316639303863323961\n  376561343832613939386364633232306461616234393538636534326234643035636131390a3361\n  636562323739303663353565626231646436366337653333356666323733\n";
        let job = job(|job| {
            job["config_map"] = json!([{"key": "c", "type": "yaml", "value": value}]);
            job["secret"] = json!([{"key": "s", "type": "yaml", "value": value, "generate": null}]);
        });
        let password = b"correct horse".to_vec().into();
        let vault = Vault::new([("old".to_owned(), password)]);
        let text = set_text(&job.values.secret[0], &vault).unwrap();
        assert_eq!(text.expose_secret(), "hunter2");
        let closed = set_text(&job.values.secret[0], &Vault::default()).unwrap_err();
        assert!(
            closed.message.contains("The value of `s` (secret)"),
            "{closed}"
        );
        assert!(closed.message.contains("(id `prod`)"), "{closed}");

        let with = variables(
            &job.values,
            &job.app,
            &job.site,
            &Generated::new(),
            None,
            &vault,
        )
        .unwrap();
        let with = with.resolve().unwrap();
        assert_eq!(with.get("c"), Some(json!("hunter2")));
        assert_eq!(with.mask("it is hunter2"), "it is ***");
        let without = gathered(&job, &Generated::new())
            .unwrap()
            .resolve()
            .unwrap();
        assert_eq!(without.get("c"), None);
    }

    #[test]
    fn rules_are_read_and_strange_ones_refused() {
        let read = rules(&job(|_| {}).values.secret).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(
            (read[0].key.as_str(), read[0].length),
            ("postgres_password", 32)
        );
        for (rule, reason) in [
            (
                json!({"length": 8, "alphabet": "runes"}),
                "no alphabet 'runes'",
            ),
            (json!({"length": 0, "alphabet": "hex"}), "0 is not between"),
        ] {
            let job = job(|job| job["secret"][1]["generate"] = rule);
            let problem = rules(&job.values.secret).unwrap_err();
            assert!(problem.message.contains(reason), "{problem}");
        }
    }
}
