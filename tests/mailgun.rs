//! The mailgun room against the double, which runs as a program of its own and keeps Mailgun's rules.

#[path = "common/double.rs"]
mod double;

use std::time::Duration;

use chandlery::mailgun::domain::{find, register, release, take_over, verify};
use chandlery::mailgun::{
    Access, Credentials, Domain, Mailgun, Mark, Message, Purpose, Record, RecordType, Region,
    Registered, Released, State, Validity, credentials, message,
};
use chandlery::problem::Problem;
use double::{Double, KEY};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

const NAME: &str = "shop.apps.example.com";

impl Double {
    fn access(&self) -> Access {
        Access {
            region: Region::Us,
            url: Some(self.urls["us"].clone()),
            key: SecretString::from(KEY),
            timeout: Duration::from_secs(300),
            patience: Duration::from_secs(2),
        }
    }

    fn mailgun(&self) -> Mailgun {
        Mailgun::new(self.access()).unwrap()
    }

    fn eu(&self) -> Mailgun {
        Mailgun::new(Access {
            region: Region::Eu,
            url: Some(self.urls["eu"].clone()),
            ..self.access()
        })
        .unwrap()
    }

    /// A domain that somebody made in the account by hand.
    async fn made_by_hand(&self, name: &str) {
        let url = format!("{}/v4/domains", self.urls["us"]);
        let form = reqwest::multipart::Form::new().text("name", name.to_owned());
        let request = self
            .http
            .post(url)
            .basic_auth("api", Some(KEY))
            .multipart(form);
        request.send().await.unwrap().error_for_status().unwrap();
    }

    async fn takes(&self, credentials: &Credentials) -> bool {
        self.lets_in(&credentials.login, credentials.password.expose_secret())
            .await
    }
}

fn mark() -> Mark {
    Mark::of("6ab9e2d4-0000-4000-8000-000000000000")
}

fn created(registered: Registered) -> Domain {
    match registered {
        Registered::Created(domain) => domain,
        Registered::Adopted(domain) => panic!("{} was adopted", domain.name),
    }
}

fn adopted(registered: Registered) -> Domain {
    match registered {
        Registered::Adopted(domain) => domain,
        Registered::Created(domain) => panic!("{} was created", domain.name),
    }
}

fn assert_problem(problem: &Problem, code: &str, retry: bool) {
    assert_eq!(
        (problem.code.as_str(), problem.retry),
        (code, retry),
        "{problem}"
    );
    assert!(problem.hint.is_some(), "{problem}");
    assert!(!problem.to_string().contains(KEY), "{problem}");
}

fn mail() -> Message {
    Message {
        from: format!("Shop GmbH <shop@{NAME}>"),
        to: vec![
            "Zoë Müller <zoe@example.org>".to_owned(),
            "bob@example.org".to_owned(),
        ],
        subject: "Ihre App läuft 🎉".to_owned(),
        text: Some("Passwort: hunter2\r\n--\r\nGrüße".to_owned()),
        html: Some("<p class=\"a\">Passwort: <b>hunter2</b></p>".to_owned()),
        headers: vec![("Reply-To".to_owned(), "ops@example.com".to_owned())],
        tags: vec!["invitation".to_owned(), "prod".to_owned()],
    }
}

/// What the recipe will publish: one DNSEndpoint, TXT in strings of at most 255 characters.
fn endpoint(records: &[Record]) -> Value {
    let endpoints: Vec<Value> = records
        .iter()
        .map(|record| {
            let target = match record.record_type {
                RecordType::Mx => format!("{} {}", record.priority.unwrap(), record.value),
                RecordType::Txt => {
                    let chars: Vec<char> = record.value.chars().collect();
                    let strings: Vec<String> = chars
                        .chunks(255)
                        .map(|part| format!("\"{}\"", part.iter().collect::<String>()))
                        .collect();
                    strings.join(" ")
                }
                _ => record.value.clone(),
            };
            let record_type = serde_json::to_value(&record.record_type).unwrap();
            json!({"dnsName": record.name, "recordType": record_type, "targets": [target]})
        })
        .collect();
    json!({
        "apiVersion": "externaldns.k8s.io/v1alpha1",
        "kind": "DNSEndpoint",
        "metadata": {"namespace": "shop-prod", "name": "mail"},
        "spec": {"endpoints": endpoints},
    })
}

mod registering {
    use super::*;

    #[tokio::test]
    async fn a_hostname_is_registered_once_and_found_again() {
        let double = Double::start();
        let mailgun = double.mailgun();
        assert_eq!(find(&mailgun, NAME).await.unwrap(), None);
        let first = created(register(&mailgun, NAME, &mark()).await.unwrap());
        assert_eq!(first.state, State::Unverified);
        let again = adopted(register(&mailgun, NAME, &mark()).await.unwrap());
        assert_eq!(again, first, "the same records in the same order");
        assert_eq!(find(&mailgun, NAME).await.unwrap(), Some(first));
        assert_eq!(double.domains().await, [NAME]);
    }

    #[tokio::test]
    async fn registered_twice_at_once_it_is_created_once() {
        let double = Double::start();
        let mailgun = double.mailgun();
        let (own, count) = (mark(), 8);
        let all =
            futures::future::join_all((0..count).map(|_| register(&mailgun, NAME, &own))).await;
        let all: Vec<Registered> = all.into_iter().map(Result::unwrap).collect();
        let made = all
            .iter()
            .filter(|one| matches!(one, Registered::Created(_)))
            .count();
        assert_eq!(made, 1);
        assert!(all.iter().all(|one| one.domain() == all[0].domain()));
    }

    #[tokio::test]
    async fn the_domain_signs_for_itself_below_a_domain_of_the_same_account() {
        let double = Double::start();
        double.made_by_hand("example.com").await;
        let domain = created(register(&double.mailgun(), NAME, &mark()).await.unwrap());
        let dkim = format!("{}._domainkey.{NAME}", mark().selector());
        let key = domain
            .records
            .iter()
            .find(|record| record.name == dkim)
            .unwrap();
        assert!(key.value.len() > 255, "a key of 2048 bits");
    }

    #[tokio::test]
    async fn a_domain_that_is_not_shown_yet_is_adopted_as_soon_as_it_is() {
        let double = Double::start();
        let mailgun = double.mailgun();
        double.post("settings", json!({"not_found_for": 3})).await;
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        // The first look and the one after "already exists" both find nothing.
        let problem = register(&mailgun, NAME, &mark()).await.unwrap_err();
        assert_problem(&problem, "mail_domain_missing", true);
        adopted(register(&mailgun, NAME, &mark()).await.unwrap());
    }

    #[tokio::test]
    async fn an_answer_that_is_lost_costs_one_more_attempt_and_no_second_domain() {
        let double = Double::start();
        let mailgun = double.mailgun();
        for when in ["before", "after"] {
            double
                .fault(
                    json!({"fault": "cut", "when": when, "method": "POST", "path": "/v4/domains"}),
                )
                .await;
            let name = format!("{when}.apps.example.com");
            let problem = register(&mailgun, &name, &mark()).await.unwrap_err();
            assert_problem(&problem, "mailgun_unreachable", true);
            match register(&mailgun, &name, &mark()).await.unwrap() {
                Registered::Created(_) => assert_eq!(when, "before"),
                Registered::Adopted(_) => assert_eq!(when, "after"),
            }
        }
    }

    #[tokio::test]
    async fn a_name_that_somebody_else_has_is_told_clearly() {
        let double = Double::start();
        double.post("taken", json!({"name": NAME})).await;
        let problem = register(&double.mailgun(), NAME, &mark())
            .await
            .unwrap_err();
        assert_problem(&problem, "mail_domain_taken", false);
        assert!(problem.message.contains(NAME), "{problem}");
    }

    #[tokio::test]
    async fn a_name_of_the_other_region_is_told_with_the_region() {
        let double = Double::start();
        created(register(&double.eu(), NAME, &mark()).await.unwrap());
        let problem = register(&double.mailgun(), NAME, &mark())
            .await
            .unwrap_err();
        assert_problem(&problem, "mail_domain_taken", false);
        assert!(problem.hint.unwrap().contains("another region than US"));
    }

    #[tokio::test]
    async fn a_domain_of_the_operator_is_neither_adopted_nor_released() {
        let double = Double::start();
        let mailgun = double.mailgun();
        double.made_by_hand(NAME).await;
        let problem = register(&mailgun, NAME, &mark()).await.unwrap_err();
        assert_problem(&problem, "mail_domain_foreign", false);
        assert!(problem.hint.unwrap().contains(mark().selector()));
        assert_eq!(
            release(&mailgun, NAME, &mark()).await.unwrap(),
            Released::NotOurs
        );
        assert_eq!(double.domains().await, [NAME]);
    }

    #[tokio::test]
    async fn a_domain_of_another_odoo_is_neither_adopted_nor_released() {
        let double = Double::start();
        let mailgun = double.mailgun();
        let other = Mark::of("another database");
        created(register(&mailgun, NAME, &other).await.unwrap());
        let problem = register(&mailgun, NAME, &mark()).await.unwrap_err();
        assert_problem(&problem, "mail_domain_foreign", false);
        assert_eq!(
            release(&mailgun, NAME, &mark()).await.unwrap(),
            Released::NotOurs
        );
        assert_eq!(
            release(&mailgun, NAME, &other).await.unwrap(),
            Released::Deleted
        );
    }

    #[tokio::test]
    async fn the_way_out_of_a_foreign_domain_leads_out() {
        let double = Double::start();
        double.made_by_hand(NAME).await;
        let url = format!("{}/v3/domains/{NAME}/dkim_selector", double.urls["us"]);
        let form =
            reqwest::multipart::Form::new().text("dkim_selector", mark().selector().to_owned());
        let request = double
            .http
            .put(url)
            .basic_auth("api", Some(KEY))
            .multipart(form);
        request.send().await.unwrap().error_for_status().unwrap();
        adopted(register(&double.mailgun(), NAME, &mark()).await.unwrap());
    }

    #[tokio::test]
    async fn what_was_a_former_apps_is_taken_over_and_nothing_else() {
        let double = Double::start();
        let mailgun = double.mailgun();
        let former = Mark::of("the former app");
        assert!(!take_over(&mailgun, NAME, &former, &mark()).await.unwrap());
        double.made_by_hand("hand.example.com").await;
        let hand = take_over(&mailgun, "hand.example.com", &former, &mark()).await;
        assert!(!hand.unwrap());

        let before = created(register(&mailgun, NAME, &former).await.unwrap());
        let other = take_over(&mailgun, NAME, &Mark::of("another"), &mark()).await;
        assert!(!other.unwrap());
        assert!(take_over(&mailgun, NAME, &former, &mark()).await.unwrap());
        // A second attempt finds it done.
        assert!(!take_over(&mailgun, NAME, &former, &mark()).await.unwrap());
        let after = adopted(register(&mailgun, NAME, &mark()).await.unwrap());
        assert_eq!(
            (after.id, after.records.len()),
            (before.id, before.records.len())
        );
        let dkim = format!("{}._domainkey.{NAME}", mark().selector());
        assert!(after.records.iter().any(|record| record.name == dkim));
        let released = release(&mailgun, NAME, &former).await.unwrap();
        assert_eq!(released, Released::NotOurs);
    }

    #[tokio::test]
    async fn a_name_that_mailgun_refuses_is_told_in_its_words() {
        let double = Double::start();
        let problem = register(&double.mailgun(), "under_score.example.com", &mark())
            .await
            .unwrap_err();
        assert_problem(&problem, "mailgun_refused", false);
        assert!(
            problem
                .message
                .contains("under_score.example.com is not a valid domain name")
        );
    }

    #[tokio::test]
    async fn a_name_cannot_lead_to_another_path() {
        let double = Double::start();
        let mailgun = double.mailgun();
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        let sneaky = format!("x/../{NAME}");
        assert_eq!(find(&mailgun, &sneaky).await.unwrap(), None);
        let released = release(&mailgun, &sneaky, &mark()).await.unwrap();
        assert_eq!(released, Released::AlreadyGone);
        assert_eq!(double.domains().await, [NAME]);
    }
}

mod verifying {
    use super::*;

    #[tokio::test]
    async fn it_becomes_active_when_its_records_are_published() {
        let double = Double::start();
        let mailgun = double.mailgun();
        let domain = created(register(&mailgun, NAME, &mark()).await.unwrap());
        let before = verify(&mailgun, NAME).await.unwrap();
        assert_eq!(before.state, State::Unverified);
        assert_eq!(before.records, domain.records);

        double.post("dns", endpoint(&domain.records)).await;
        let after = verify(&mailgun, NAME).await.unwrap();
        assert_eq!(after.state, State::Active);
        assert!(
            after
                .records
                .iter()
                .all(|record| record.validity == Validity::Valid)
        );
        let places = |domain: &Domain| -> Vec<(Purpose, String, String)> {
            let records = domain.records.iter().cloned();
            records
                .map(|one| (one.purpose, one.name, one.value))
                .collect()
        };
        assert_eq!(
            places(&after),
            places(&before),
            "verification changes no order"
        );
        assert_eq!(find(&mailgun, NAME).await.unwrap(), Some(after));
    }

    #[tokio::test]
    async fn records_that_differ_are_told() {
        let double = Double::start();
        let mailgun = double.mailgun();
        let mut records = created(register(&mailgun, NAME, &mark()).await.unwrap()).records;
        for record in &mut records {
            if record.value.starts_with("v=spf1") {
                record.value = "v=spf1 -all".to_owned();
            }
        }
        double.post("dns", endpoint(&records)).await;
        let domain = verify(&mailgun, NAME).await.unwrap();
        assert_eq!(domain.state, State::Unverified);
        let wrong: Vec<&str> = domain
            .records
            .iter()
            .filter(|record| record.validity == Validity::Invalid)
            .map(|record| record.name.as_str())
            .collect();
        assert_eq!(wrong, [NAME]);
    }

    #[tokio::test]
    async fn a_disabled_domain_says_why() {
        let double = Double::start();
        let mailgun = double.mailgun();
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        let disabled = json!({"state": "disabled", "reason": "Too many bounces."});
        double.post(&format!("domains/{NAME}"), disabled).await;
        let domain = verify(&mailgun, NAME).await.unwrap();
        assert_eq!(domain.state, State::Disabled);
        assert_eq!(domain.disabled.as_deref(), Some("Too many bounces."));
        let problem = message::send(&mailgun, NAME, &mail()).await.unwrap_err();
        assert_problem(&problem, "mailgun_forbidden", false);
        assert!(problem.message.contains("Too many bounces."), "{problem}");
    }

    #[tokio::test]
    async fn a_domain_that_is_not_there_is_to_be_registered_again() {
        let double = Double::start();
        let problem = verify(&double.mailgun(), NAME).await.unwrap_err();
        assert_problem(&problem, "mail_domain_missing", true);
    }
}

mod releasing {
    use super::*;

    #[tokio::test]
    async fn a_released_domain_is_gone_and_its_name_free() {
        let double = Double::start();
        let mailgun = double.mailgun();
        assert_eq!(
            release(&mailgun, NAME, &mark()).await.unwrap(),
            Released::AlreadyGone
        );
        let first = created(register(&mailgun, NAME, &mark()).await.unwrap());
        assert_eq!(
            release(&mailgun, NAME, &mark()).await.unwrap(),
            Released::Deleted
        );
        assert_eq!(
            release(&mailgun, NAME, &mark()).await.unwrap(),
            Released::AlreadyGone
        );
        let second = created(register(&mailgun, NAME, &mark()).await.unwrap());
        assert_ne!(second.id, first.id);
    }

    #[tokio::test]
    async fn a_release_whose_answer_is_lost_is_repeated_without_harm() {
        let double = Double::start();
        let mailgun = double.mailgun();
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        double
            .fault(json!({"fault": "cut", "when": "after", "method": "DELETE"}))
            .await;
        let problem = release(&mailgun, NAME, &mark()).await.unwrap_err();
        assert_problem(&problem, "mailgun_unreachable", true);
        assert_eq!(
            release(&mailgun, NAME, &mark()).await.unwrap(),
            Released::AlreadyGone
        );
    }

    #[tokio::test]
    async fn two_releases_at_once_both_end_well() {
        let double = Double::start();
        let mailgun = double.mailgun();
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        let own = mark();
        let both =
            futures::future::join(release(&mailgun, NAME, &own), release(&mailgun, NAME, &own))
                .await;
        assert!(matches!(both, (Ok(_), Ok(_))), "{both:?}");
        assert!(double.domains().await.is_empty());
    }

    #[tokio::test]
    async fn a_name_bought_again_while_mailgun_still_deletes_ends_registered() {
        let double = Double::start();
        let mailgun = double.mailgun();
        double.post("settings", json!({"delete_lag": 1})).await;
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        release(&mailgun, NAME, &mark()).await.unwrap();
        adopted(register(&mailgun, NAME, &mark()).await.unwrap());
        let problem = verify(&mailgun, NAME).await.unwrap_err();
        assert_problem(&problem, "mail_domain_missing", true);
        created(register(&mailgun, NAME, &mark()).await.unwrap());
    }

    #[tokio::test]
    async fn a_disabled_domain_that_cannot_be_deleted_is_told() {
        let double = Double::start();
        let mailgun = double.mailgun();
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        double
            .post(&format!("domains/{NAME}"), json!({"state": "disabled"}))
            .await;
        let problem = release(&mailgun, NAME, &mark()).await.unwrap_err();
        assert_problem(&problem, "mailgun_forbidden", false);
    }
}

mod smtp {
    use super::*;

    async fn registered() -> (Double, Mailgun) {
        let double = Double::start();
        let mailgun = double.mailgun();
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        (double, mailgun)
    }

    #[tokio::test]
    async fn credentials_are_made_and_let_the_app_in() {
        let (double, mailgun) = registered().await;
        let made = credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap();
        assert_eq!(made.login, format!("app@{NAME}"));
        assert_eq!((made.host, made.port), ("smtp.mailgun.org", 587));
        assert_eq!(made.password.expose_secret().len(), 32);
        assert!(double.takes(&made).await);
    }

    #[tokio::test]
    async fn a_known_password_stays() {
        let (double, mailgun) = registered().await;
        let made = credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap();
        let kept = credentials::ensure(&mailgun, NAME, "app", Some(made.password.clone()))
            .await
            .unwrap();
        assert_eq!(kept.password.expose_secret(), made.password.expose_secret());
        assert!(double.takes(&made).await);
    }

    #[tokio::test]
    async fn a_known_password_is_set_again_where_mailgun_has_another_or_none() {
        let (double, mailgun) = registered().await;
        let made = credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap();
        credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap();
        assert!(!double.takes(&made).await);
        let known = || Some(made.password.clone());
        credentials::ensure(&mailgun, NAME, "app", known())
            .await
            .unwrap();
        assert!(double.takes(&made).await);

        release(&mailgun, NAME, &mark()).await.unwrap();
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        assert!(!double.takes(&made).await);
        credentials::ensure(&mailgun, NAME, "app", known())
            .await
            .unwrap();
        assert!(double.takes(&made).await);
    }

    #[tokio::test]
    async fn an_unknown_password_is_rotated_and_the_old_one_ends() {
        let (double, mailgun) = registered().await;
        let old = credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap();
        let new = credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap();
        assert!(double.takes(&new).await);
        assert!(!double.takes(&old).await);
    }

    #[tokio::test]
    async fn a_password_that_mailgun_would_refuse_is_replaced() {
        let (double, mailgun) = registered().await;
        for bad in ["1234".to_owned(), "x".repeat(33)] {
            let made = credentials::ensure(&mailgun, NAME, "app", Some(SecretString::from(bad)))
                .await
                .unwrap();
            assert_eq!(made.password.expose_secret().len(), 32);
            assert!(double.takes(&made).await);
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_lost_leaves_no_login_behind_that_nobody_knows() {
        let (double, mailgun) = registered().await;
        double
            .fault(
                json!({"fault": "cut", "when": "after", "method": "POST", "path": "/credentials"}),
            )
            .await;
        let problem = credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap_err();
        assert_problem(&problem, "mailgun_unreachable", true);
        let made = credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap();
        assert!(double.takes(&made).await);
    }

    #[tokio::test]
    async fn without_the_domain_there_are_none() {
        let double = Double::start();
        let problem = credentials::ensure(&double.mailgun(), NAME, "app", None)
            .await
            .unwrap_err();
        assert_problem(&problem, "mail_domain_missing", true);
    }
}

mod sending {
    use super::*;

    async fn registered() -> (Double, Mailgun) {
        let double = Double::start();
        let mailgun = double.mailgun();
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        (double, mailgun)
    }

    #[tokio::test]
    async fn a_mail_arrives_whole_and_its_id_comes_back() {
        let (double, mailgun) = registered().await;
        let id = message::send(&mailgun, NAME, &mail()).await.unwrap();
        let received = double.get("messages").await;
        assert_eq!(received.as_array().unwrap().len(), 1);
        let received = &received[0];
        let sent = mail();
        assert_eq!(received["id"], id);
        assert_eq!(received["from"], sent.from);
        assert_eq!(received["to"], json!(sent.to));
        assert_eq!(received["subject"], sent.subject);
        assert_eq!(received["text"], sent.text.unwrap());
        assert_eq!(received["html"], sent.html.unwrap());
        assert_eq!(received["headers"], json!(sent.headers));
        assert_eq!(received["tags"], json!(sent.tags));
        assert_eq!(received["options"], json!([["tracking", "no"]]));
    }

    #[tokio::test]
    async fn addresses_in_any_script_are_sent_to_each_its_domain_in_ascii() {
        let (double, mailgun) = registered().await;
        let message = Message {
            to: vec![
                "\"Müller\" <info@müller.example>, b@x.example".to_owned(),
                "jörg@x.example".to_owned(),
            ],
            ..mail()
        };
        message::send(&mailgun, NAME, &message).await.unwrap();
        for to in [
            "info@xn--mller-kva.example",
            "b@x.example",
            "j%C3%B6rg@x.example",
        ] {
            let received = double.get(&format!("messages?to={to}")).await;
            assert_eq!(received.as_array().unwrap().len(), 1, "{to}");
        }
    }

    #[tokio::test]
    async fn a_bad_address_is_told_in_mailguns_words() {
        let (double, mailgun) = registered().await;
        let message = Message {
            to: vec!["zoe".to_owned()],
            ..mail()
        };
        let problem = message::send(&mailgun, NAME, &message).await.unwrap_err();
        assert_problem(&problem, "mailgun_refused", false);
        assert!(
            problem
                .message
                .contains("'to' parameter is not a valid address"),
            "{problem}"
        );
        assert_eq!(double.get("messages").await, json!([]));
    }

    #[tokio::test]
    async fn an_unverified_domain_that_has_sent_its_300_says_so() {
        let (double, mailgun) = registered().await;
        double
            .post("settings", json!({"unverified_daily_limit": 2}))
            .await;
        message::send(&mailgun, NAME, &mail()).await.unwrap();
        let problem = message::send(&mailgun, NAME, &mail()).await.unwrap_err();
        assert_problem(&problem, "mailgun_forbidden", false);
        assert!(problem.message.contains("unverified"), "{problem}");
    }

    #[tokio::test]
    async fn an_unknown_domain_cannot_send() {
        let double = Double::start();
        let problem = message::send(&double.mailgun(), NAME, &mail())
            .await
            .unwrap_err();
        assert_problem(&problem, "mail_domain_missing", true);
    }

    #[tokio::test]
    async fn a_mail_whose_answer_is_lost_or_late_was_sent_once_and_is_not_sent_again() {
        let (double, _) = registered().await;
        let hurried = Mailgun::new(Access {
            timeout: Duration::from_secs(3),
            ..double.access()
        })
        .unwrap();
        for (number, (fault, mailgun)) in [
            (json!({"fault": "cut", "when": "after"}), double.mailgun()),
            // Longer than anything here takes.
            (json!({"fault": "slow", "seconds": 600}), hurried),
        ]
        .into_iter()
        .enumerate()
        {
            double.fault(fault).await;
            let problem = message::send(&mailgun, NAME, &mail()).await.unwrap_err();
            assert_problem(&problem, "mail_unconfirmed", false);
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
            assert_eq!(
                double.get("messages").await.as_array().unwrap().len(),
                number + 1
            );
        }
    }
}

mod disturbances {
    use super::*;

    #[tokio::test]
    async fn each_is_told_for_what_it_is() {
        let double = Double::start();
        let mailgun = double.mailgun();
        for (fault, code, retry) in [
            (json!({"fault": "unauthorized"}), "mailgun_key", false),
            (json!({"fault": "server_error"}), "mailgun_failed", true),
            (json!({"fault": "html"}), "mailgun_url", false),
            (
                json!({"fault": "html", "status": 502}),
                "mailgun_failed",
                true,
            ),
            (json!({"fault": "cut"}), "mailgun_unreachable", true),
            (
                json!({"fault": "rate_limit", "seconds": 60}),
                "mailgun_busy",
                true,
            ),
        ] {
            double.fault(fault).await;
            let problem = register(&mailgun, NAME, &mark()).await.unwrap_err();
            assert_problem(&problem, code, retry);
        }
        created(register(&mailgun, NAME, &mark()).await.unwrap());
    }

    #[tokio::test]
    async fn a_wrong_key_is_told_and_not_shown() {
        let double = Double::start();
        let mailgun = Mailgun::new(Access {
            key: SecretString::from("hunter2"),
            ..double.access()
        })
        .unwrap();
        let problem = register(&mailgun, NAME, &mark()).await.unwrap_err();
        assert_problem(&problem, "mailgun_key", false);
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }

    #[tokio::test]
    async fn the_limit_of_requests_is_waited_out() {
        let double = Double::start();
        let mailgun = double.mailgun();
        double
            .post(
                "settings",
                json!({"rate_limit": 2, "rate_window_seconds": 1}),
            )
            .await;
        // The first look and the creation use it up; the next look has to wait.
        created(register(&mailgun, NAME, &mark()).await.unwrap());
        adopted(register(&mailgun, NAME, &mark()).await.unwrap());
    }

    /// Mailgun may ask for a minute, again and again.
    #[tokio::test]
    async fn a_job_that_mailgun_asks_to_wait_has_no_slot_meanwhile() {
        let double = Double::start();
        let patient = Access {
            patience: Duration::from_secs(3600),
            ..double.access()
        };
        let mailgun = Mailgun::new(patient).unwrap();
        let limit = json!({"rate_limit": 1, "rate_window_seconds": 600});
        double.post("settings", limit).await;
        let slots = chandlery::slot::Slots::new(1);
        let slot = slots.slot();
        let mark = mark();
        tokio::select! {
            _ = slot.work(register(&mailgun, NAME, &mark)) => panic!("it was to wait"),
            () = slots.freed() => {}
        }
    }

    #[tokio::test]
    async fn a_mailgun_that_is_away_is_tried_again() {
        let mut double = Double::start();
        double.process.kill().unwrap();
        double.process.wait().unwrap();
        let problem = register(&double.mailgun(), NAME, &mark())
            .await
            .unwrap_err();
        assert_problem(&problem, "mailgun_unreachable", true);
        assert!(problem.hint.unwrap().contains(&double.urls["us"]));
    }
}

mod saying_little {
    use super::*;

    /// Registered, verified, given credentials, sent from and released, while every answer but those of a look is odd.
    async fn lives(fault: Value) {
        let double = Double::start();
        let mailgun = double.mailgun();
        for method in ["POST", "PUT", "DELETE"] {
            let mut fault = fault.clone();
            fault["method"] = json!(method);
            fault["count"] = json!(100);
            double.fault(fault).await;
        }
        let domain = created(register(&mailgun, NAME, &mark()).await.unwrap());
        assert_eq!(domain.records.len(), 5);
        double.post("dns", endpoint(&domain.records)).await;
        let verified = verify(&mailgun, NAME).await.unwrap();
        assert_eq!(verified.state, State::Active);
        let login = credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap();
        assert!(double.takes(&login).await);
        message::send(&mailgun, NAME, &mail()).await.unwrap();
        assert_eq!(double.get("messages").await.as_array().unwrap().len(), 1);
        let released = release(&mailgun, NAME, &mark()).await.unwrap();
        assert_eq!(released, Released::Deleted);
        assert_eq!(double.domains().await, [""; 0]);
    }

    #[tokio::test]
    async fn the_message_alone_is_enough() {
        lives(json!({"fault": "bare"})).await;
    }

    #[tokio::test]
    async fn no_body_at_all_is_enough() {
        lives(json!({"fault": "empty"})).await;
        lives(json!({"fault": "empty", "status": 204})).await;
    }

    #[tokio::test]
    async fn members_of_other_types_are_read_in_a_look_too() {
        let double = Double::start();
        let mailgun = double.mailgun();
        double.fault(json!({"fault": "odd", "count": 100})).await;
        let domain = created(register(&mailgun, NAME, &mark()).await.unwrap());
        assert_eq!(
            adopted(register(&mailgun, NAME, &mark()).await.unwrap()),
            domain
        );
        double.post("dns", endpoint(&domain.records)).await;
        let verified = verify(&mailgun, NAME).await.unwrap();
        assert_eq!(verified.state, State::Active);
        let disabled = json!({"state": "disabled", "reason": "Too many bounces."});
        double.post(&format!("domains/{NAME}"), disabled).await;
        let domain = find(&mailgun, NAME).await.unwrap().unwrap();
        assert_eq!(domain.disabled.as_deref(), Some("Too many bounces."));
        let count = chandlery::mailgun::domain::count(&mailgun).await.unwrap();
        assert_eq!(count, 1);
    }
}
