//! A group as the state file keeps it: JSON, with the number of its events beside it.

use pipeban::address::Address;
use pipeban::time::Time;
use serde_json::{Value as Json, json};

use super::events::{Entries, Entry};
use super::group::{Active, Group, GroupLine, More, Success};
use crate::hits::{Hit, bytes, characters};
use crate::value::Value;

/// The hit for a group.
pub fn to_hit(group: &Group) -> Hit {
    let more = group.more.as_deref();
    let entries = group.entries.list.iter().map(|e| {
        let (value, user) = (e.value.to_hex(), e.user.to_hex());
        json!([
            value,
            e.address.to_string(),
            user,
            e.first.0,
            e.last.0,
            e.count
        ])
    });
    let successes = more.iter().flat_map(|more| &more.successes).map(|s| {
        let forgave = s.forgave.map(|time| time.0);
        json!([s.address.to_string(), s.user.to_hex(), s.last.0, forgave])
    });
    let lines = more.iter().flat_map(|more| &more.lines).map(|l| {
        let (address, text) = (l.address.to_string(), characters(&l.text));
        json!([l.at.0, address, l.user.to_hex(), text])
    });
    let active = more.and_then(|more| more.active.as_ref());
    let printed = active.iter().flat_map(|active| active.printed.iter());
    let json = json!({
        "newest": group.newest.map(|time| time.0),
        "entries": Json::from_iter(entries),
        "successes": Json::from_iter(successes),
        "lines": Json::from_iter(lines),
        "active": active.map(|active| json!([active.newest.0, active.distinct])),
        "printed": Json::from_iter(printed.map(|(a, last)| json!([a.to_string(), last.0]))),
    });
    let newest = group.newest.into_iter();
    let successes = more.iter().flat_map(|more| &more.successes);
    let last = newest.chain(successes.map(|success| success.last)).max();
    let first = group.entries.list.iter().map(|e| e.first).min();
    Hit {
        count: group.entries.count(),
        span: first.or(last).zip(last),
        detail: json.to_string(),
    }
}

/// The group of a hit. Parts that cannot be read, because somebody wrote into the file, are left
/// out.
pub fn from_hit(hit: &Hit) -> Group {
    let json: Json = serde_json::from_str(&hit.detail).unwrap_or_default();
    let list = |key: &str| json[key].as_array().cloned().unwrap_or_default();
    let time = |json: &Json| json.as_i64().map(Time);
    let address = |json: &Json| Address::parse(json.as_str()?.as_bytes());
    let value = |json: &Json| Value::from_hex(json.as_str()?);
    let entry = |json: &Json| {
        Some(Entry {
            value: value(&json[0])?,
            address: address(&json[1])?,
            user: value(&json[2])?,
            first: time(&json[3])?,
            last: time(&json[4])?,
            count: json[5].as_u64()?,
        })
    };
    let success = |json: &Json| {
        Some(Success {
            address: address(&json[0])?,
            user: value(&json[1])?,
            last: time(&json[2])?,
            forgave: time(&json[3]),
        })
    };
    let line = |json: &Json| {
        Some(GroupLine {
            at: time(&json[0])?,
            address: address(&json[1])?,
            user: value(&json[2])?,
            text: bytes(json[3].as_str()?),
        })
    };
    let printed = |json: &Json| Some((address(&json[0])?, time(&json[1])?));
    let entries = list("entries").iter().filter_map(entry).collect();
    let more = More {
        active: time(&json["active"][0]).map(|newest| Active {
            newest,
            distinct: json["active"][1].as_u64(),
            printed: list("printed").iter().filter_map(printed).collect(),
        }),
        successes: list("successes").iter().filter_map(success).collect(),
        lines: list("lines").iter().filter_map(line).collect(),
    };
    Group {
        newest: time(&json["newest"]),
        entries: Entries::new(entries),
        more: (more != More::default()).then(|| Box::new(more)),
    }
}
