//! Beside mmdblookup, MaxMind's own program: random networks inside each other, random addresses.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::Command;

use crate::common::{Shell, field, left_out};
use crate::mmdb::{Value, Writer, text};

#[test]
fn as_mmdblookup() {
    let shell = Shell::new();
    let path = shell.path("random.mmdb");
    let mut random = fastrand::Rng::with_seed(19);
    let mut writer = Writer::new();
    let mut lengths: Vec<u8> = (0..400).map(|_| random.u8(4..=32)).collect();
    // The wider ones first, so that a narrower one inside counts.
    lengths.sort_unstable();
    for length in lengths {
        let code = String::from_utf8(vec![random.u8(b'A'..=b'Z'), random.u8(b'A'..=b'Z')]);
        let value = Value::Map(vec![("country_code", text(&code.unwrap()))]);
        let bits = random.u32(..) & 0xc633_64ff | 0xc600_0000;
        writer.add(&format!("{}/{length}", Ipv4Addr::from_bits(bits)), &value);
        let bits = 0x2001_0db8u128 << 96 | u128::from(random.u32(..)) << 64;
        writer.add(
            &format!("{}/{}", Ipv6Addr::from_bits(bits), length + 32),
            &value,
        );
    }
    fs::write(&path, writer.bytes()).unwrap();
    let addresses: Vec<String> = (0..400)
        .map(|i| match i % 2 {
            0 => Ipv4Addr::from_bits(random.u32(..) & 0x0fff_ffff | 0xc000_0000).to_string(),
            _ => {
                let low = u128::from(random.u32(..) & 0xff03_ffff);
                Ipv6Addr::from_bits(0x2001_0db8u128 << 96 | low << 64).to_string()
            }
        })
        .collect();
    let command = format!("name-ip --db {}", path.display());
    let named = shell.feed(&command, addresses.join("\n").as_bytes());
    let named = field(&named, "country");
    let mut found = 0;
    for (address, named) in addresses.iter().zip(named) {
        let output = Command::new("mmdblookup")
            .arg("--file")
            .arg(&path)
            .args(["--ip", address, "country_code"])
            .output();
        let Ok(output) = output else {
            return left_out("mmdblookup is not installed");
        };
        let text = String::from_utf8(output.stdout).unwrap();
        let code = text.split('"').nth(1).unwrap_or("-");
        assert_eq!(
            named,
            code,
            "{address}: {:?}",
            String::from_utf8_lossy(&output.stderr)
        );
        found += u32::from(code != "-");
    }
    assert!((50..400).contains(&found), "{found}");
}
