//! A small writer of MaxMind's format, version 2.0, for databases of documentation networks.
//! See <https://maxmind.github.io/MaxMind-DB/>.

use std::net::IpAddr;

/// A value of the data section, or of the description.
#[derive(Clone)]
pub enum Value {
    Text(String),
    Number(u32),
    Short(u16),
    Long(u64),
    /// An array without elements.
    Empty,
    Map(Vec<(&'static str, Value)>),
}

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Text(text) => {
                control(2, text.len(), out);
                out.extend_from_slice(text.as_bytes());
            }
            Value::Number(number) => {
                control(6, 4, out);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Value::Short(number) => {
                control(5, 2, out);
                out.extend_from_slice(&number.to_be_bytes());
            }
            // Types above 7 stand in a byte of their own, less 7.
            Value::Long(number) => {
                out.extend([8, 9 - 7]);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Value::Empty => out.extend([0, 11 - 7]),
            Value::Map(pairs) => {
                control(7, pairs.len(), out);
                for (key, value) in pairs {
                    text(key).write(out);
                    value.write(out);
                }
            }
        }
    }
}

/// The byte of a type (below 8) and a size, and the bytes of a large size.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    match size {
        0..29 => out.push(kind << 5 | size as u8),
        29..285 => out.extend([kind << 5 | 29, (size - 29) as u8]),
        _ => {
            out.push(kind << 5 | 30);
            out.extend(((size - 285) as u16).to_be_bytes());
        }
    }
}

/// A child of a node.
#[derive(Clone, Copy, PartialEq)]
enum Child {
    Nothing,
    Node(usize),
    /// An offset in the data section.
    Data(usize),
}

/// A database of IPv6 and IPv4 networks, the latter at `::/96`. Of networks inside each other the
/// later one counts.
pub struct Writer {
    nodes: Vec<[Child; 2]>,
    data: Vec<u8>,
}

impl Writer {
    pub fn new() -> Self {
        Writer {
            nodes: vec![[Child::Nothing; 2]],
            data: Vec::new(),
        }
    }

    pub fn add(&mut self, network: &str, value: &Value) {
        let (ip, len) = network.split_once('/').unwrap();
        let (bits, len) = match ip.parse().unwrap() {
            IpAddr::V4(ip) => (ip.to_bits().into(), 96 + len.parse::<u32>().unwrap()),
            IpAddr::V6(ip) => (ip.to_bits(), len.parse().unwrap()),
        };
        let offset = self.data.len();
        value.write(&mut self.data);
        let mut node = 0;
        for depth in 0..len {
            let side = (bits >> (127 - depth) & 1) as usize;
            if depth + 1 == len {
                self.nodes[node][side] = Child::Data(offset);
                return;
            }
            node = match self.nodes[node][side] {
                Child::Node(next) => next,
                // The value that was here stays around the new network.
                around => {
                    self.nodes.push([around; 2]);
                    let next = self.nodes.len() - 1;
                    self.nodes[node][side] = Child::Node(next);
                    next
                }
            };
        }
    }

    /// A tree in which both ways lead from each node to the next: each of 2^128 addresses has data.
    pub fn endless() -> Self {
        let mut writer = Writer::new();
        text("x").write(&mut writer.data);
        writer.nodes = (1..128).map(|next| [Child::Node(next); 2]).collect();
        writer.nodes.push([Child::Data(0); 2]);
        writer
    }

    /// The file, with records of 32 bits.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for child in self.nodes.iter().flatten() {
            let number = match child {
                Child::Nothing => self.nodes.len(),
                Child::Node(next) => *next,
                Child::Data(offset) => self.nodes.len() + 16 + offset,
            };
            out.extend((number as u32).to_be_bytes());
        }
        out.extend([0; 16]);
        out.extend_from_slice(&self.data);
        out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        let short = Value::Short;
        Value::Map(vec![
            ("node_count", Value::Number(self.nodes.len() as u32)),
            ("record_size", short(32)),
            ("ip_version", short(6)),
            ("database_type", text("Documentation")),
            ("languages", Value::Empty),
            ("binary_format_major_version", short(2)),
            ("binary_format_minor_version", short(0)),
            ("build_epoch", Value::Long(1_774_800_000)),
            (
                "description",
                Value::Map(vec![("en", text("Networks of RFC 5737"))]),
            ),
        ])
        .write(&mut out);
        out
    }
}
