//! Ports as users and records write them: numbers or names of services, with commas between.

use std::fs;

/// Names of services with their ports (services(5)).
const SERVICES: &str = "/etc/services";
/// The greatest number of ports of one ban: each is one of its own in the firewall.
const MOST: usize = 64;

/// Reads ports; each stands once in the answer, the lowest first. The error is a phrase.
pub fn parse(text: &str) -> Result<Vec<u16>, String> {
    let mut ports = Vec::new();
    for word in text.split(',') {
        let number = word.parse().ok().filter(|port| *port != 0);
        let digits = word.bytes().all(|b| b.is_ascii_digit());
        match number.or_else(|| service(word).filter(|_| !digits)) {
            Some(port) => ports.push(port),
            None => return Err(format!("no port or service: \"{word}\"")),
        }
    }
    ports.sort_unstable();
    ports.dedup();
    match ports.len() {
        0..=MOST => Ok(ports),
        more => Err(format!("{more} ports are more than {MOST}")),
    }
}

/// The ports as records have them.
pub fn text(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    ports.join(",")
}

/// The port of a service, by its name or another name of it.
fn service(name: &str) -> Option<u16> {
    let services = fs::read_to_string(SERVICES).ok()?;
    services.lines().find_map(|line| {
        let line = line.split('#').next()?;
        let mut words = line.split_whitespace();
        let (first, port) = (words.next()?, words.next()?);
        let port = port.split('/').next()?.parse().ok()?;
        (first == name || words.any(|word| word == name)).then_some(port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names() {
        assert_eq!(parse("2222,22,22").unwrap(), [22, 2222]);
        assert_eq!(text(&[22, 2222]), "22,2222");
        for wrong in ["", "0", "65536", "22,", "-1", "no such service", "022x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let many: Vec<u16> = (1..=65).collect();
        assert!(parse(&text(&many)).is_err());
    }
}
