//! `--with`: further fields of the record.

use pipeban::complain::Fault;
use pipeban::record::is_key;
use pipeban_log::line::Line;

use crate::matcher::{Matcher, Verdict};
use crate::object::{Object, Objects};

/// Keys of the record that have another meaning, or another flag.
const RESERVED: [&str; 19] = [
    "address", "asn", "at", "bytes", "count", "country", "distinct", "first", "hosts", "last",
    "lifted", "line", "net", "org", "origin", "packets", "port", "since", "until",
];
/// Keys that are known of every line.
const OF_LINE: [&str; 4] = ["file", "host", "pid", "program"];

/// The fields that were asked for.
pub(crate) struct Fields {
    keys: Vec<String>,
}

impl Fields {
    /// Takes the keys of the option, and asks the matchers for their groups, and objects for the
    /// rest.
    pub(crate) fn new(
        keys: &[String],
        matchers: &mut [Matcher],
        mut objects: Option<&mut Objects>,
    ) -> Result<Fields, Fault> {
        for (number, key) in keys.iter().enumerate() {
            let wrong = |what: &str| Err(Fault::new("--with", format!("{what}: \"{key}\"")));
            if RESERVED.contains(&key.as_str()) || key == "rule" || key == "success" {
                return wrong("in a record this key has another meaning");
            }
            let is_known = OF_LINE.contains(&key.as_str());
            if is_known || matchers.iter().any(|m| m.has_group(key)) {
                continue;
            }
            if let Some(objects) = &mut objects {
                if !is_key(key.as_bytes()) {
                    return wrong("no name that a field of a record can have");
                }
                let wanted = objects.want(number, key);
                wanted.map_err(|e| Fault::new("--with", e))?;
            } else {
                return wrong("neither host, program, pid, file nor a group of a pattern");
            }
        }
        for matcher in matchers {
            matcher.want(keys);
        }
        Ok(Fields {
            keys: keys.to_vec(),
        })
    }

    /// Whether none was asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Calls `give` for each field that is known: a group of the pattern, a value of the object, or
    /// else of the line.
    pub(crate) fn of<'a>(
        &'a self,
        line: &'a Line,
        file: Option<&'a str>,
        verdict: Option<&'a Verdict>,
        object: &'a Object,
        mut give: impl FnMut(&'a str, &'a [u8]),
    ) {
        for (i, key) in self.keys.iter().enumerate() {
            let groups = verdict
                .into_iter()
                .flat_map(|v| &v.fields)
                .chain(&object.fields);
            let group = groups.into_iter().find(|(number, _)| *number == i);
            let value = match (group, key.as_str()) {
                (Some((_, text)), _) => Some(text.as_slice()),
                (None, "host") => line.host,
                (None, "program") => line.program,
                (None, "pid") => line.pid,
                (None, "file") => line.file.or(file.map(str::as_bytes)),
                _ => None,
            };
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                give(key, value);
            }
        }
    }
}
