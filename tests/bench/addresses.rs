//! Lines for count.sh: addresses drawn at random from so many distinct ones, the same in each run.
//!
//! addresses KIND LINES DISTINCT
//!
//! KIND is `v4`; `mixed`, each fifth address IPv6; `at`, IPv4 with an `at=` that advances by a
//! second in 5,000 lines, a little out of order; `user`, IPv4 with one of eight names in `user=`,
//! and `user-at`, with both; or `flood`, where no IPv6 address comes twice, and
//! 203.0.113.7 after each DISTINCT of them.

use std::io::{BufWriter, Write, stdout};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Scatters numbers, no two to the same (the finalizer of SplitMix64).
fn scatter(mut n: u64) -> u64 {
    n = (n ^ n >> 30).wrapping_mul(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27).wrapping_mul(0x94d049bb133111eb);
    n ^ n >> 31
}

/// The same for 32 bits.
fn scatter32(mut n: u32) -> u32 {
    n = (n ^ n >> 16).wrapping_mul(0x21f0aaad);
    n = (n ^ n >> 15).wrapping_mul(0x735a2d97);
    n ^ n >> 15
}

const USERS: [&str; 8] = [
    "root", "admin", "oracle", "ubuntu", "deploy", "test", "postgres", "git",
];

fn v4(n: u64) -> Ipv4Addr {
    Ipv4Addr::from_bits(scatter32(n as u32))
}

/// Half of them with an interface's random number, half short ones of servers.
fn v6(n: u64) -> Ipv6Addr {
    let spread = u128::from(scatter(n));
    let low = if n % 2 == 0 { spread } else { spread & 0xffff };
    Ipv6Addr::from_bits(0x2001_0db8 << 96 | (spread & 0xffff_ffff) << 64 | low)
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, lines, distinct] = arguments.as_slice() else {
        panic!("addresses KIND LINES DISTINCT");
    };
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let (lines, distinct) = (number(lines), number(distinct));
    let mut out = BufWriter::with_capacity(1 << 16, stdout().lock());
    for i in 0..lines {
        let random = scatter(i ^ 0x9e37_79b9 << 32);
        let n = ((u128::from(random) * u128::from(distinct)) >> 64) as u64;
        match kind.as_str() {
            "v4" => writeln!(out, "{}", v4(n))?,
            "mixed" if n % 5 == 0 => writeln!(out, "{}", v6(n / 5))?,
            "mixed" => writeln!(out, "{}", v4(n))?,
            "user" => writeln!(out, "{}\tuser={}", v4(n), USERS[random as usize % 8])?,
            "at" | "user-at" => {
                let s = (i / 5_000).saturating_sub(random & 3);
                let (day, hour, minute) = (s / 86_400 % 28 + 1, s / 3_600 % 24, s / 60 % 60);
                let second = s % 60;
                write!(
                    out,
                    "{}\tat=2026-03-{day:02}T{hour:02}:{minute:02}:{second:02}+09:00",
                    v4(n)
                )?;
                match kind.as_str() {
                    "at" => writeln!(out)?,
                    _ => writeln!(out, "\tuser={}", USERS[random as usize % 8])?,
                }
            }
            "flood" => {
                writeln!(out, "{}", v6(i * 2))?;
                if i % distinct == 0 {
                    writeln!(out, "203.0.113.7")?;
                }
            }
            kind => panic!("no such kind: {kind}"),
        }
    }
    out.flush()
}
