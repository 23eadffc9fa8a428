//! A tally as the state keeps it: numbers in columns, the rest as JSON.

use pipeban::address::Address;
use pipeban::hits::Hit;
use pipeban::time::Time;
use serde_json::{Value, json};

use crate::tally::{Host, Line, More, Tally};

pub fn to_hit(tally: &Tally) -> Hit {
    let mut detail = json!({});
    let times = |times: &[Time]| Value::from_iter(times.iter().map(|t| t.0));
    if !tally.times.is_empty() {
        detail["times"] = times(&tally.times);
    }
    if let Some(more) = &tally.more {
        detail["from"] = Value::from_iter(more.from.iter().map(Address::to_string));
        detail["hosts"] = Value::from_iter(
            more.hosts
                .iter()
                .map(|h| json!([h.address.to_string(), h.first.0, h.last.0, h.count])),
        );
        detail["lines"] = Value::from_iter(
            more.lines
                .iter()
                .map(|l| json!([l.at.0, l.host.to_string(), characters(&l.text)])),
        );
        detail["printed"] = more.printed.map(|t| t.0).into();
    }
    let hosts = tally.more.iter().flat_map(|more| &more.hosts);
    let times = tally.times.iter().map(|t| (*t, *t));
    let spans = times
        .chain(hosts.map(|h| (h.first, h.last)))
        .chain(tally.span);
    let printed = tally
        .more
        .as_ref()
        .and_then(|more| more.printed)
        .map(|t| (t, t));
    Hit {
        count: tally.count.max(tally.times.len() as u64),
        span: spans
            .chain(printed)
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))),
        detail: if detail == json!({}) {
            String::new()
        } else {
            detail.to_string()
        },
    }
}

/// What cannot be read, as somebody wrote into the state, is left out.
pub fn from_hit(hit: Hit) -> Tally {
    let detail: Value = serde_json::from_str(&hit.detail).unwrap_or_default();
    let list = |key: &str| detail[key].as_array().cloned().unwrap_or_default();
    let time = |value: &Value| value.as_i64().map(Time);
    let address = |value: &Value| Address::parse(value.as_str()?.as_bytes());
    let host = |value: &Value| {
        Some(Host {
            address: address(&value[0])?,
            first: time(&value[1])?,
            last: time(&value[2])?,
            count: value[3].as_u64()?,
        })
    };
    let line = |value: &Value| {
        Some(Line {
            at: time(&value[0])?,
            host: address(&value[1])?,
            text: bytes(value[2].as_str()?),
        })
    };
    let times: Vec<_> = list("times").iter().filter_map(time).collect();
    let more = More {
        from: list("from").iter().filter_map(address).collect(),
        hosts: list("hosts").iter().filter_map(host).collect(),
        lines: list("lines").iter().filter_map(line).collect(),
        printed: time(&detail["printed"]),
    };
    Tally {
        count: if times.is_empty() { hit.count } else { 0 },
        span: if times.is_empty() { hit.span } else { None },
        times,
        more: (more != More::default()).then(|| Box::new(more)),
    }
}

/// When an address was last let through, where they are throttled.
pub fn passed(at: Option<Time>) -> Hit {
    Hit {
        span: at.map(|at| (at, at)),
        ..Hit::default()
    }
}

/// JSON holds text, a line any bytes: each is written as the character of its number.
fn characters(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u8).collect()
}
