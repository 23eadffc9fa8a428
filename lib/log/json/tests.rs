//! Objects, whole and broken.

use super::*;

/// The value of a path, as JSON writes it.
fn get(path: &str, text: &str) -> Result<Option<String>, Refused> {
    let mut paths = Paths::default();
    let number = paths.add(&Path::parse(path).unwrap());
    let values = paths.read(None, Some(text.as_bytes()))?;
    let shown = |value| match value {
        Value::Text(raw, escaped) => {
            format!("{}{}", raw.escape_ascii(), ["", "*"][escaped as usize])
        }
        Value::Plain(raw) | Value::Array(raw) | Value::Object(raw) => {
            String::from_utf8(raw.to_vec()).unwrap()
        }
    };
    Ok(values.get(number).map(shown))
}

#[test]
fn values() {
    let text = r#" {"a":{"b":"1","c":{"b":2}}, "b" : [ "x" , {"b":3}] ,"d.e":null,"f":-1.5e3,"":0,
        "g":"\"a\":1","h":{"a":{"b":9}},"\u0069":true,"status":009} "#;
    for (path, expected) in [
        ("a.b", Some("1")),
        ("a.c.b", Some("2")),
        ("a.c", Some(r#"{"b":2}"#)),
        ("b", Some(r#"[ "x" , {"b":3}]"#)),
        ("b.b", None),
        (r"d\.e", Some("null")),
        ("d.e", None),
        ("f", Some("-1.5e3")),
        ("g", Some(r#"\\\"a\\\":1*"#)),
        ("h.a.b", Some("9")),
        ("i", Some("true")),
        ("status", Some("009")),
        ("a.b.c", None),
        ("x", None),
    ] {
        let found = get(path, text).unwrap();
        assert_eq!(found.as_deref(), expected, "{path}");
    }
}

#[test]
fn refused() {
    for text in [
        "",
        "x",
        "1",
        "[]",
        "[{}]",
        r#""a""#,
        "null",
        "{",
        "}",
        r#"{"a""#,
        r#"{"a":"#,
        r#"{"a":1"#,
        r#"{"a":1,"#,
        r#"{"a":1,}"#,
        r#"{"a":1} x"#,
        r#"{"a":1}{"a":1}"#,
        r#"{"a":1}}"#,
        r#"{"a":1]"#,
        r#"{"a":tru}"#,
        r#"{"a":-}"#,
        r#"{"a":1.}"#,
        r#"{"a":1e}"#,
        r#"{"a":}"#,
        r#"{"a" 1}"#,
        r#"{a:1}"#,
        r#"{'a':1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a":"x}"#,
        r#"{"a":"x\"}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[1}"#,
        r#"{"a":[1 2]}"#,
        r#"{"b":{"a":1,}}"#,
        r#"{"b":{"a"}}"#,
        r#"x{"a":1}"#,
        r#"{,"a":1}"#,
        r#"{"a":1}, "#,
        r#"{"a":0x1}"#,
        r#"{"a":+1}"#,
        "{\"a\":\"\\",
    ] {
        assert_eq!(get("a", text), Err(Refused::NotOneObject), "{text}");
    }
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(70), close.repeat(70));
    for text in [
        format!(r#"{{"a":{}}}"#, deep("[", "]")),
        deep(r#"{"a":"#, "}"),
        deep(r#"{"b":"#, "}"),
    ] {
        assert_eq!(get("a.a", &text), Err(Refused::TooDeep), "{text}");
    }
}

/// Twice on the path is refused, however it is written; elsewhere it is nobody's business.
#[test]
fn keys_that_stand_twice() {
    for text in [
        r#"{"a":{"b":1},"a":{"b":2}}"#,
        r#"{"a":{"b":1,"b":1}}"#,
        r#"{"a":{"b":1,"\u0062":1}}"#,
        r#"{"a":{"\x62":1,"b":1}}"#,
        r#"{"a":1,"a":{"b":1}}"#,
        r#"{"\u0061":null,"a":{"b":1}}"#,
    ] {
        assert!(matches!(get("a.b", text), Err(Refused::Twice(_))), "{text}");
    }
    for text in [
        r#"{"a":{"b":1},"b":1,"b":2}"#,
        r#"{"a":{"b":1,"c":{"b":1,"a":1},"c":1}}"#,
        r#"{"a":{"b":1},"x":{"a":1,"a":1}}"#,
        r#"{"a":{"b":1},"x":"\",\"a\":{\"b\":2},\"y\":\""}"#,
        r#"{"x":[{"a":{"b":2}}],"a":{"b":1}}"#,
    ] {
        assert_eq!(get("a.b", text), Ok(Some("1".into())), "{text}");
    }
    assert_eq!(
        Refused::Twice(b"a".to_vec()).to_string(),
        "the key \"a\" stands twice in its object"
    );
}

/// The keys of the carrier win over those of the line.
#[test]
fn the_outer_object_wins() {
    let mut paths = Paths::default();
    let [a, b] = ["a", "b"].map(|path| paths.add(&Path::parse(path).unwrap()));
    let (outer, inner) = (&br#"{"a":1}"#[..], &br#"{"a":2,"b":3}"#[..]);
    let values = paths.read(Some(outer), Some(inner)).unwrap();
    assert_eq!(values.get(a), Some(Value::Plain(b"1")));
    assert_eq!(values.get(b), Some(Value::Plain(b"3")));
    // Nothing is left from the line before.
    let values = paths.read(Some(b"{}"), None).unwrap();
    assert_eq!((values.get(a), values.get(b)), (None, None));
}

/// The same verdict and values as serde_json, on objects broken at random.
#[test]
fn as_serde_reads_it() {
    let mut random = fastrand::Rng::with_seed(5);
    let parts = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"x\\\"y\"",
        "1",
        "-2.5",
        "true",
        "null",
        " ",
        "\"a\":",
        "\"b\":",
        "\"c\":\"d\"",
        "{\"a\":1}",
        "[1,\"]\"]",
    ];
    let mut whole = 0;
    let (mut used, a) = (Paths::default(), Path::parse("a").unwrap());
    let a = used.add(&a);
    for _ in 0..200_000 {
        let length = random.usize(..12);
        let middle: String = (0..length)
            .map(|_| parts[random.usize(..parts.len())])
            .collect();
        let text = format!("{{{middle}}}");
        let read = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
        is_read_alike(&mut used, a, "a", &text);
        match get("a", &text) {
            // The one takes the last of two, the other none.
            Err(Refused::Twice(_)) => assert!(read.is_ok() || !text.is_empty()),
            Err(_) => assert!(read.is_err(), "{text}"),
            Ok(value) => {
                whole += 1;
                let read = read.unwrap_or_else(|e| panic!("{text}: {e}"));
                assert_eq!(value.is_some(), read.contains_key("a"), "{text}");
            }
        }
    }
    assert!(whole > 1_000, "{whole}");
}

/// A reader that has read others says of an object what a new one says.
fn is_read_alike(used: &mut Paths, number: usize, path: &str, text: &str) {
    let mut new = Paths::default();
    let first = new.add(&Path::parse(path).unwrap());
    let expected = new.read(None, Some(text.as_bytes()));
    let read = used.read(None, Some(text.as_bytes()));
    let shown =
        |read: Result<Values, Refused>, number| read.map(|v| format!("{:?}", v.get(number)));
    assert_eq!(shown(read, number), shown(expected, first), "{text}");
}

/// Objects of one writer, with other values and now and then another key.
#[test]
fn of_one_shape() {
    let mut random = fastrand::Rng::with_seed(9);
    let values = [
        "1",
        "-1",
        "-",
        "1.5e3",
        "01",
        "123456789012345678901",
        "1.",
        ".5",
        "true",
        "nul",
        "{}",
        "[]",
        "\"\"",
        "\"x\"",
        "\"\\\"\"",
        "\"\\\\\"",
        "\"\\",
        "\"a b c d e f g h i j k l m n o p q\"",
        "\"0123456789abcdef0123456789abcde\\\"f\"",
        "[\"x\",\"y\"]",
        "[1]",
        "{\"a\":2}",
        "null",
    ];
    let keys = [
        "a",
        "b",
        "a rather long key of more than thirty-two bytes",
        "\\u0061",
        "c",
    ];
    let mut used = Paths::default();
    let number = used.add(&Path::parse("a.b").unwrap());
    let (mut known, mut refused) = (0, 0);
    for round in 0..300_000 {
        // A quarter of the objects are made anew, so that shapes come and go.
        let count = if round % 4 == 0 { random.usize(..6) } else { 3 };
        let mut text = String::from("{");
        for i in 0..count {
            let usual = random.u8(..8) > 0;
            let key = if usual {
                keys[1 + 2 * (i % 2)]
            } else {
                keys[random.usize(..5)]
            };
            let value = values[random.usize(..if usual { 15 } else { 23 })];
            let comma = if i > 0 { "," } else { "" };
            text += &format!("{comma}\"{key}\":{value}");
        }
        let inside = values[random.usize(..23)];
        text += &format!(
            "{}\"a\":{{\"b\":{inside}}}}}",
            if count > 0 { "," } else { "" }
        );
        if random.u8(..16) == 0 {
            text.truncate(random.usize(..text.len()));
        }
        is_read_alike(&mut used, number, "a.b", &text);
        match used.read(None, Some(text.as_bytes())) {
            Ok(_) => known += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(known > 10_000 && refused > 10_000, "{known} {refused}");
}
