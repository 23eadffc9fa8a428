//! The host that records are from.

use pipeban::record::Record;

/// The longest name of a host, in bytes.
const NAME: usize = 255;

/// Whose records are read, by `--origin`.
pub enum Speaker {
    /// A record's `origin=` is taken as it is said, and bans; nothing is lifted by it.
    AsSaid,
    /// All records are this host's.
    Host(String),
    /// A record's `origin=` is believed: each host also lifts what it has asked for.
    Believed,
}

impl Speaker {
    /// From the value of `--origin`.
    pub fn new(option: Option<&str>) -> Self {
        match option {
            None => Speaker::AsSaid,
            Some("*") => Speaker::Believed,
            Some(name) => Speaker::Host(name.into()),
        }
    }

    /// The host that a record is from; empty is this one. Its `origin=` is set accordingly.
    pub fn origin(&self, record: &mut Record) -> Result<String, String> {
        if let Speaker::Host(name) = self {
            record.set("origin", name.as_bytes());
            return Ok(name.clone());
        }
        let Some(text) = record.get("origin") else {
            return Ok(String::new());
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        let lifts_all = text == "*" && record.get("lifted").is_some();
        match self {
            _ if is_host_name(&text) => Ok(text),
            Speaker::Believed if lifts_all => Ok(text),
            Speaker::Believed => Err(format!("no name of a host: origin={text}")),
            // A bad value, from any writer, must not keep a ban from being made.
            _ => Ok(String::new()),
        }
    }
}

/// Whether a text can be the name of a host in records: printable, without blanks.
pub fn is_host_name(text: &str) -> bool {
    let printable = text.bytes().all(|b| b.is_ascii_graphic());
    printable && (1..=NAME).contains(&text.len()) && !["*", "."].contains(&text)
}
