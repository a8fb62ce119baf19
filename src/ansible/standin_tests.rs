//! Stand-ins are what their secrets are, and never tell a letter or a digit of them.

use super::*;

fn text(given: &str) -> String {
    StandIns::new().text(given)
}

#[test]
fn no_letter_and_no_digit_is_that_of_the_secret_and_all_else_stays() {
    for given in [
        "hunter2",
        "Tr0ub4dor&3",
        "pässwörd ß Ж 漢 ",
        "a-1_b:2",
        "0000",
        "7",
        "ABC",
        "{{ x }}",
    ] {
        for _ in 0..50 {
            let made = text(given);
            assert_eq!(made.len(), given.len(), "{given} {made}");
            let zero = given.starts_with('0');
            for (at, (one, other)) in given.chars().zip(made.chars()).enumerate() {
                assert_eq!(one.is_alphanumeric(), other.is_alphanumeric());
                assert_eq!(one.is_uppercase(), other.is_uppercase());
                assert_eq!(one.is_ascii_digit(), other.is_ascii_digit());
                assert_eq!(
                    one == other,
                    !one.is_alphanumeric() || zero && at == 0,
                    "{given} {made}"
                );
            }
        }
    }
}

#[test]
fn what_is_no_secret_stays() {
    for given in ["", "true", "No", "null", "0", "1", "!?", "****"] {
        assert_eq!(text(given), given);
    }
    let mut stand_ins = StandIns::new();
    for given in [Data::Null, Data::Bool(true), Data::Int(0), Data::Int(1)] {
        assert_eq!(stand_ins.data(&given, true), given);
    }
}

#[test]
fn numbers_stay_numbers_of_their_length() {
    let mut stand_ins = StandIns::new();
    for given in [7, 5432, -12, 1000, i64::MAX] {
        let Data::Int(made) = stand_ins.data(&Data::Int(given), false) else {
            panic!("{given}");
        };
        assert_ne!(made, given);
        assert!(
            made.to_string().len().abs_diff(given.to_string().len()) == 0,
            "{given} {made}"
        );
    }
    let Data::Float(made) = stand_ins.data(&Data::Float(3.25), false) else {
        panic!();
    };
    assert!(made != 3.25 && (1.0..10.0).contains(&made), "{made}");
}

#[test]
fn structures_keep_their_keys_and_what_is_no_secret() {
    let json = r#"{"user": "odoo", "port": 5432, "ssl": true, "auth": "b2RvbzpodW50ZXIy", "line": "a\n\u00e9b", "list": ["x1", null]}"#;
    let made: Json = serde_json::from_str(&text(json)).unwrap();
    assert_eq!(made["ssl"], true);
    assert_eq!(made["list"][1], Json::Null);
    assert_ne!(made["user"], "odoo");
    assert!(made["port"].is_u64());
    assert!(made["line"].as_str().unwrap().contains('\n'));
    let auth = STANDARD.decode(made["auth"].as_str().unwrap()).unwrap();
    assert_eq!(String::from_utf8(auth).unwrap().find(':'), Some(4));

    for given in [
        "user: odoo\npassword: 'hunter2'\nports: [80, 443]\nnested:\n  - a: b\n    c: |\n      text\n",
        "{user: odoo, password: hunter2}",
        "- one\n- two\n",
    ] {
        let made = text(given);
        let read = |text: &str| yaml::ansible::value(text, false).unwrap();
        assert!(are_alike(&read(&made), &read(given)), "{made}");
        assert_ne!(made, given);
        assert!(
            !made.contains("hunter2") && !made.contains("odoo"),
            "{made}"
        );
    }
    let made = text("# smtp\nHOST=mail.example.com\nPASSWORD = hunter2\n[more]\na=1\n");
    assert!(
        made.contains("\nHOST=") && made.contains("\nPASSWORD = ") && made.contains("[more]"),
        "{made}"
    );
    assert!(
        !made.contains("hunter2") && !made.contains("example"),
        "{made}"
    );
}

#[test]
fn what_a_text_is_it_stays() {
    let made = text("postgres://odoo:hunter2%2F@db.example.com:5432/shop?ssl=yes");
    assert!(
        made.starts_with("postgres://") && made.contains(":5432/") && made.contains("%2F@"),
        "{made}"
    );
    assert!(
        !made.contains("hunter2") && !made.contains("odoo"),
        "{made}"
    );
    for given in ["10.0.12.255", "2001:db8::1", "192.168.0.1/24"] {
        let made = text(given);
        assert_ne!(made, given);
        let address = made.split('/').next().unwrap();
        assert!(address.parse::<std::net::IpAddr>().is_ok(), "{made}");
        assert_eq!(made.contains("/24"), given.contains("/24"));
    }
    let made = text("2026-11-29 12:30");
    assert!(
        made.parse::<jiff::civil::Date>().is_ok()
            || made[..10].parse::<jiff::civil::Date>().is_ok(),
        "{made}"
    );
    let made = text("0123456789abcdefABCD");
    assert!(made.chars().all(|next| next.is_ascii_hexdigit()), "{made}");
    let made = text("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg==\n-----END PRIVATE KEY-----\n");
    assert!(
        made.starts_with("-----BEGIN PRIVATE KEY-----\n")
            && made.ends_with("==\n-----END PRIVATE KEY-----\n"),
        "{made}"
    );
    let made = STANDARD
        .decode(text(&STANDARD.encode("user:hunter2")))
        .unwrap();
    assert_eq!(String::from_utf8(made).unwrap().find(':'), Some(4));
}

#[test]
fn of_a_template_the_tags_stay() {
    let mut stand_ins = StandIns::new();
    let given = Data::from("odoo:{{ password | upper }}@db{% if x %}1{% endif %}");
    let Data::Text(made) = stand_ins.data(&given, false) else {
        panic!();
    };
    assert!(
        made.contains(":{{ password | upper }}@") && made.contains("{% if x %}"),
        "{made}"
    );
    assert!(!made.contains("odoo") && !made.contains("db"), "{made}");
    assert_ne!(stand_ins.data(&given, true), given);
}

#[test]
fn a_secret_has_one_stand_in_and_another_job_another() {
    let mut stand_ins = StandIns::new();
    assert_eq!(
        stand_ins.text("hunter2hunter2"),
        stand_ins.text("hunter2hunter2")
    );
    assert_ne!(stand_ins.text("hunter2hunter2"), text("hunter2hunter2"));
}
