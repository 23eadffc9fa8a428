//! Writes addresses as text, the same text as formatting and several times as fast: lists of
//! millions are printed.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Each octet's digits, and behind them a dot.
static OCTETS: [[u8; 4]; 256] = octets();
const DIGITS: &[u8; 16] = b"0123456789abcdef";

const fn octets() -> [[u8; 4]; 256] {
    let mut octets = [[b'.'; 4]; 256];
    let mut n = 0;
    while n < 256 {
        let digits = [n / 100, n / 10 % 10, n % 10];
        let (mut digit, mut length) = (3 - octet_length(n as u8), 0);
        while digit < 3 {
            octets[n][length] = b'0' + digits[digit] as u8;
            digit += 1;
            length += 1;
        }
        n += 1;
    }
    octets
}

const fn octet_length(octet: u8) -> usize {
    1 + (octet > 9) as usize + (octet > 99) as usize
}

/// Writes an IPv4 address.
pub(super) fn write_quad(ip: Ipv4Addr, out: &mut Vec<u8>) {
    let mut text = [0; 16];
    let mut length = 0;
    for octet in ip.octets() {
        text[length..length + 4].copy_from_slice(&OCTETS[usize::from(octet)]);
        length += octet_length(octet) + 1;
    }
    let end = out.len() + length - 1;
    // The whole buffer, as a copy of fixed size is faster.
    out.extend_from_slice(&text);
    out.truncate(end);
}

/// Writes an IPv6 address by RFC 5952, with `::` for the longest row of zeros, the first of
/// several. The address must not be an IPv4-mapped one.
pub(super) fn write_sextets(ip: Ipv6Addr, out: &mut Vec<u8>) {
    let groups = ip.segments();
    let mut gap = 0..0;
    let mut zeros = 0..0;
    for (i, group) in groups.iter().enumerate() {
        zeros = if *group == 0 {
            zeros.start..i + 1
        } else {
            i + 1..i + 1
        };
        if zeros.len() > gap.len().max(1) {
            gap = zeros.clone();
        }
    }
    let mut text = [0; 40];
    let mut length = 0;
    let mut push = |byte| {
        text[length] = byte;
        length += 1;
    };
    let mut i = 0;
    while i < 8 {
        if i > 0 || i == gap.start && !gap.is_empty() {
            push(b':');
        }
        if gap.contains(&i) {
            i = gap.end;
            if i == 8 {
                push(b':');
            }
            continue;
        }
        let digits = 4 - (groups[i].leading_zeros() / 4).min(3);
        for digit in (0..digits).rev() {
            push(DIGITS[usize::from(groups[i] >> (digit * 4) & 15)]);
        }
        i += 1;
    }
    let end = out.len() + length;
    out.extend_from_slice(&text);
    out.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quads_are_written_as_formatted() {
        for octet in 0..=255 {
            let ip = Ipv4Addr::new(octet, 0, 255 - octet, octet / 2);
            let mut out = Vec::new();
            write_quad(ip, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), ip.to_string());
        }
    }

    /// With zeros at every set of places, and groups of every length.
    #[test]
    fn sextets_are_written_as_formatted() {
        for zeros in 0..=255u8 {
            for shift in 0..16 {
                let group =
                    |i: u32| (0x9abc_u16 >> ((i * 4 + shift) % 16)) * u16::from(zeros >> i & 1);
                let ip = Ipv6Addr::from([0, 1, 2, 3, 4, 5, 6, 7].map(group));
                if ip.to_ipv4_mapped().is_none() {
                    let mut out = Vec::new();
                    write_sextets(ip, &mut out);
                    assert_eq!(String::from_utf8_lossy(&out), ip.to_string());
                }
            }
        }
    }
}
