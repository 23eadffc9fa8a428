//! Databases in MaxMind's format (MMDB).

use std::collections::HashMap;

use maxminddb::{MaxMindDbError, PathElement, Reader, WithinOptions};

use crate::entry::{ASN, COUNTRY, Entry, ORG};
use crate::table::{Builder, Table};

/// The bytes before the description of a database, near its end.
pub const MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// The length at a file's end in which [`MARK`] stands, in bytes.
pub const END: u64 = 128 << 10;

type Lookup<'a> = maxminddb::LookupResult<'a, Vec<u8>>;

/// Reads all networks. The error says why the database is refused.
///
/// IPv4 addresses inside IPv6 ones (6to4, Teredo, mapped) are not read again, where the database
/// has them by reference.
pub fn read(bytes: Vec<u8>) -> Result<Table, String> {
    let reader = Reader::from_source(bytes).map_err(|e| e.to_string())?;
    let mut builder = Builder::default();
    // A record of the database stands for many networks, and is decoded once.
    let mut places: HashMap<usize, Option<u32>> = HashMap::new();
    // A tree has one network more than nodes. That of a hostile database may have parts that are
    // reached on more ways than one, and would never end; so networks without data count too.
    let most = 4 * (reader.metadata().node_count as usize + 1);
    let options = WithinOptions::default().include_networks_without_data();
    let networks = reader.networks(options).map_err(|e| e.to_string())?;
    for (number, lookup) in networks.enumerate() {
        if number >= most {
            return Err("its tree is none: it has many more networks than nodes".into());
        }
        let lookup = lookup.map_err(|e| e.to_string())?;
        let Some(offset) = lookup.offset() else {
            continue;
        };
        let place = match places.get(&offset) {
            Some(place) => *place,
            None => {
                let entry = entry(&lookup)?;
                let place = match entry.is_empty() {
                    true => None,
                    false => Some(builder.entry(entry)?),
                };
                places.insert(offset, place);
                place
            }
        };
        if let Some(place) = place {
            let network = lookup.network().map_err(|e| e.to_string())?;
            builder.add(network.network(), network.broadcast(), place)?;
        }
    }
    Ok(builder.build())
}

/// Decodes the record of a network.
fn entry(lookup: &Lookup) -> Result<Entry, String> {
    let mut asn = String::new();
    for name in ASN {
        // Some write a number, and some a text.
        let path = [PathElement::Key(name)];
        if let Some(number) = if_of_type(lookup.decode_path::<u32>(&path))? {
            asn = number.to_string();
        } else if let Some(text) = text(lookup, &path)? {
            asn = text.to_owned();
        }
        if !asn.is_empty() {
            break;
        }
    }
    let first = |names: &[&'static str]| -> Result<String, String> {
        for name in names {
            if let Some(text) = text(lookup, &[PathElement::Key(name)])? {
                return Ok(text.to_owned());
            }
        }
        Ok(String::new())
    };
    let org = first(&ORG)?;
    let path = [PathElement::Key("country"), PathElement::Key("iso_code")];
    let country = match text(lookup, &path)? {
        Some(code) => code.to_owned(),
        None => first(&COUNTRY)?,
    };
    Ok(Entry::new(&asn, &org, &country))
}

/// The text at a path.
fn text<'a>(lookup: &'a Lookup, path: &[PathElement]) -> Result<Option<&'a str>, String> {
    if_of_type(lookup.decode_path(path))
}

/// A value; `None` where there is none, or one of another type than was asked for.
fn if_of_type<T>(value: Result<Option<T>, MaxMindDbError>) -> Result<Option<T>, String> {
    match value {
        Ok(value) => Ok(value),
        Err(MaxMindDbError::Decoding { .. }) => Ok(None),
        Err(e) => Err(e.to_string()),
    }
}
