//! A list that protects: it is understood whole, or nothing begins.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

use super::line::{self, Line};
use crate::address::NetList;
use crate::complain::{Fault, describe};
use crate::input::{Event, Input};

/// The contents of a list that protects.
#[derive(Debug, Default, PartialEq)]
pub struct Protected {
    /// The networks.
    pub networks: NetList,
    /// The host names, each alone on its line.
    pub names: BTreeSet<String>,
}

/// Reads the value of a flag: an address, a network, a range, the name of a file of them, or a host
/// name. A file may be compressed and a FIFO.
///
/// The error is the first line that can't be understood, or the reason why the file can't be read
/// to its end.
pub fn read(value: &str) -> Result<Protected, Fault> {
    read_value(value, true)
}

/// The same without host names: one is a line that can't be understood. `-` is standard input.
pub fn read_networks(value: &str) -> Result<NetList, Fault> {
    let list = match value {
        "-" => read_file(value, false),
        _ => read_value(value, false),
    };
    Ok(list?.networks)
}

fn read_value(value: &str, takes_names: bool) -> Result<Protected, Fault> {
    let mut list = Protected::default();
    if let Some(networks) = line::networks(value.as_bytes()) {
        list.networks.extend(networks);
        return Ok(list);
    }
    match fs::metadata(value) {
        Ok(_) => return read_file(value, takes_names),
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(Fault::new(value, describe(&e))),
        Err(_) if takes_names && is_host_name(value) => list.names.insert(value.into()),
        Err(_) => {
            let what = "neither an address or network nor a file of them";
            return Err(Fault::new(value, what));
        }
    };
    Ok(list)
}

fn read_file(path: &str, takes_names: bool) -> Result<Protected, Fault> {
    let mut list = Protected::default();
    let mut input = Input::new(vec![path.into()]);
    input.fail_on_error();
    loop {
        let doubt = match input.next(None)? {
            Event::End => return Ok(list),
            Event::Idle => continue,
            Event::Data(text) => match list.add(text, takes_names) {
                Ok(()) => continue,
                Err(doubt) => doubt,
            },
        };
        return Err(Fault::new(input.place(), doubt));
    }
}

impl Protected {
    /// Adds the networks or the name of a line; the error says why it can't be understood.
    fn add(&mut self, text: &[u8], takes_names: bool) -> Result<(), String> {
        match line::parse(text) {
            Ok(Line::Blank) => {}
            Ok(Line::Record(record)) => self.networks.extend([record.address]),
            Ok(Line::Form(form)) => match form.protected {
                Some(networks) => self.networks.extend(networks),
                None => {
                    let doubt = form.doubt.unwrap_or_default();
                    return Err(format!("can't be understood: {doubt}"));
                }
            },
            Err(other) => {
                let text = String::from_utf8_lossy(text);
                let name = text.split(['#', ';']).next().unwrap_or_default().trim();
                if !takes_names || !is_host_name(name) {
                    let other = String::from_utf8_lossy(&other[..other.len().min(200)]);
                    return Err(format!("not an address: \"{other}\""));
                }
                self.names.insert(name.into());
            }
        }
        Ok(())
    }
}

/// Whether this is a host name (RFC 1123, 2.1): labels of letters, digits and hyphens, at most 253
/// characters, and a last label that is no number, so that no mistyped address is one.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.split('.').all(is_label)
        && last.starts_with(|c: char| c.is_ascii_alphabetic())
}
