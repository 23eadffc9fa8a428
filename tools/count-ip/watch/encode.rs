//! A tally as the state file keeps it: numbers in columns, the rest as JSON.

use pipeban::address::Address;
use pipeban::time::Time;
use serde_json::{Value, json};

use super::detail::{Detail, Evidence, Host};
use super::tally::Tally;
use crate::hits::{Hit, bytes, characters};

/// The hit for a tally.
pub fn to_hit(tally: &Tally) -> Hit {
    let mut json = json!({});
    let times = tally.times();
    if !times.is_empty() {
        json["times"] = Value::from_iter(times.iter().map(|t| t.0));
    }
    let sum = tally.sum();
    let mut spans: Vec<_> = times.iter().map(|t| (*t, *t)).collect();
    spans.extend(sum.map(|(_, first, last)| (first, last)));
    if let Some(detail) = tally.detail() {
        let hosts = || detail.hosts.iter();
        json["from"] = Value::from_iter(detail.sources.iter().map(Address::to_string));
        json["hosts"] = Value::from_iter(
            hosts().map(|h| json!([h.address.to_string(), h.first.0, h.last.0, h.count])),
        );
        json["lines"] = Value::from_iter(
            detail
                .lines
                .iter()
                .map(|l| json!([l.at.0, l.host.to_string(), characters(&l.text)])),
        );
        json["printed"] = detail.printed.map(|t| t.0).into();
        spans.extend(hosts().map(|h| (h.first, h.last)));
        spans.extend(detail.printed.map(|t| (t, t)));
    }
    Hit {
        count: sum.map_or(times.len() as u64, |(count, ..)| count),
        span: spans
            .into_iter()
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))),
        detail: if json == json!({}) {
            String::new()
        } else {
            json.to_string()
        },
    }
}

/// The tally of a hit. Parts that cannot be read, because somebody wrote into the file, are left
/// out.
pub fn from_hit(hit: Hit) -> Tally {
    let json: Value = serde_json::from_str(&hit.detail).unwrap_or_default();
    let list = |key: &str| json[key].as_array().cloned().unwrap_or_default();
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
        Some(Evidence {
            at: time(&value[0])?,
            host: address(&value[1])?,
            text: bytes(value[2].as_str()?),
        })
    };
    let times: Vec<_> = list("times").iter().filter_map(time).collect();
    let sum = hit.span.filter(|_| times.is_empty() && hit.count > 0);
    let detail = Detail {
        times,
        sum: sum.map(|(first, last)| (hit.count, first, last)),
        sources: list("from").iter().filter_map(address).collect(),
        hosts: list("hosts").iter().filter_map(host).collect(),
        lines: list("lines").iter().filter_map(line).collect(),
        printed: time(&json["printed"]),
    };
    Tally::Detail(Box::new(detail))
}

/// The hit that keeps the time at which an address last counted.
pub fn last_counted(at: Option<Time>) -> Hit {
    Hit {
        span: at.map(|at| (at, at)),
        ..Hit::default()
    }
}
