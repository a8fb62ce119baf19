//! Stand-ins are what their secrets are, and tell nothing of them but their shape.

use super::*;

fn text(given: &str) -> String {
    StandIns::new(Set::One, "x").text(given)
}

fn both(given: &Data) -> [Data; 2] {
    [Set::One, Set::Two].map(|set| StandIns::new(set, "x").data(given, true))
}

#[test]
fn letters_and_digits_are_others_in_each_set_and_all_else_stays() {
    for given in [
        "hunter2",
        "Tr0ub4dor&3",
        "pässwörd ß Ж 漢 ",
        "a-1_b:2",
        "0000",
        "7",
        "0",
        "ABC",
        "{{ x }}",
    ] {
        let [Data::Text(one), Data::Text(two)] = both(&Data::from(given)) else {
            panic!();
        };
        for made in [&one, &two] {
            assert_eq!(made.len(), given.len(), "{given} {made}");
            for (one, other) in given.chars().zip(made.chars()) {
                assert_eq!(one.is_alphanumeric(), other.is_alphanumeric());
                assert_eq!(one.is_uppercase(), other.is_uppercase());
                assert_eq!(one.is_ascii_digit(), other.is_ascii_digit());
                assert!(one.is_alphanumeric() || one == other, "{given} {made}");
            }
        }
        for (one, two) in one.chars().zip(two.chars()) {
            assert_eq!(one == two, !one.is_alphanumeric(), "{given}");
        }
    }
}

/// S6: stand-ins tell nothing of a secret but its shape, not even by never being the secret itself.
#[test]
fn all_secrets_of_one_shape_have_the_same_stand_ins() {
    let texts = |all: &[&str]| -> Vec<Data> { all.iter().map(|one| Data::from(*one)).collect() };
    let digits: Vec<Data> = (0..10)
        .map(|n| Data::from(n.to_string().as_str()))
        .collect();
    let numbers: Vec<Data> = (0..10).map(Data::Int).collect();
    let date = |year, month, day| Data::Date(civil::date(year, month, day));
    let pins: Vec<Data> = (0..10_000)
        .map(|pin| Data::from(format!("{pin:04}").as_str()))
        .collect();
    for shape in [
        digits.clone(),
        numbers,
        pins,
        texts(&["hunter2Hunter2", "zebras7Giraff9", "abcxyz0Abcxyz1"]),
        texts(&["pässwört", "jûmpfôre"]),
        texts(&["0123456789abcdefABCD", "9999000011cdabefFFAC"]),
        texts(&["10.0.12.255", "99.9.98.100"]),
        texts(&["2026-11-29 12:30", "1999-01-01 00:00"]),
        texts(&["2001:db8::1", "3112:fe7::9"]),
        texts(&[
            r#"{"a": "hunter2", "b": 12}"#,
            r#"{"a": "zebras7", "b": 90}"#,
        ]),
        texts(&["a: hunter2\nb: 12\n", "a: zebras7\nb: 90\n"]),
        texts(&[
            "postgres://odoo:hunter2@db/x",
            "postgres://root:zebras7@pg/y",
        ]),
        texts(&["dXNlcjpodW50ZXIy", "cm9vdDp6ZWJyYXM3"]),
        [-12, -99, -10].map(Data::Int).to_vec(),
        [i64::MAX, 1_000_000_000_000_000_000]
            .map(Data::Int)
            .to_vec(),
        [3.25, 9.99, 1.01].map(Data::Float).to_vec(),
        vec![date(2026, 11, 29), date(1970, 1, 1)],
        vec![Data::Bytes(vec![255, 0]), Data::Bytes(vec![254, 255])],
    ] {
        let [one, two] = both(&shape[0]);
        assert_ne!(one, two);
        for secret in &shape {
            assert_eq!(both(secret), [one.clone(), two.clone()], "{secret:?}");
        }
    }
    // One that is the stand-in by chance has it, too.
    let [one, _] = both(&digits[0]);
    assert!(digits.contains(&one), "{one:?}");
}

#[test]
fn what_is_no_secret_stays() {
    for given in ["", "true", "No", "null", "!?", "****"] {
        assert_eq!(text(given), given);
    }
    let mut stand_ins = StandIns::new(Set::One, "x");
    for given in [Data::Null, Data::Bool(true)] {
        assert_eq!(stand_ins.data(&given, true), given);
    }
}

#[test]
fn numbers_stay_numbers_of_their_length() {
    for given in [7, 5432, -12, 1000, i64::MAX, i64::MIN] {
        for made in both(&Data::Int(given)) {
            let Data::Int(made) = made else {
                panic!("{given}");
            };
            assert_ne!(made, given);
            assert_eq!(made.to_string().len(), given.to_string().len());
        }
    }
    let Data::Float(made) = StandIns::new(Set::One, "x").data(&Data::Float(3.25), false) else {
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
        let read =
            |text: &str| pyyaml::value(text, pyyaml::Tags::Standard, &Limits::default()).unwrap();
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
    for given in [
        "10.0.12.255",
        "2001:db8::1",
        "192.168.0.1/24",
        "2001:db8::/24",
    ] {
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
    let mut stand_ins = StandIns::new(Set::One, "x");
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
fn a_variable_has_the_same_stand_in_in_every_job_and_another_variable_another() {
    let of = |name| StandIns::new(Set::One, name).text("hunter2hunter2");
    assert_eq!(of("a"), of("a"));
    assert_ne!(of("a"), of("b"));
}
