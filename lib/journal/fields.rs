//! The fields of interest among an entry's data. Most data stand in many entries, so those that
//! were read last are remembered by their offset.

/// The number of data that are remembered; a power of two.
const REMEMBERED: usize = 1 << 12;

/// Longer values are not remembered, in bytes.
const SHORT: usize = 256;

/// A field that a line needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// None of these.
    Other,
    Message,
    Identifier,
    /// The name of the process, where it gave no identifier.
    Command,
    Pid,
    /// The process number that it gave, where the journal does not know it.
    OwnPid,
    Host,
    /// The unit, as the journal knows it: a client can't choose it.
    Unit,
    /// When the message was sent, in microseconds of the Unix epoch.
    SentAt,
}

impl Field {
    /// The field of `NAME=value`, and its value.
    pub(crate) fn of(data: &[u8]) -> (Field, &[u8]) {
        let names: [(&[u8], Field); 8] = [
            (b"MESSAGE=", Field::Message),
            (b"SYSLOG_IDENTIFIER=", Field::Identifier),
            (b"_COMM=", Field::Command),
            (b"_PID=", Field::Pid),
            (b"SYSLOG_PID=", Field::OwnPid),
            (b"_HOSTNAME=", Field::Host),
            (b"_SYSTEMD_UNIT=", Field::Unit),
            (b"_SOURCE_REALTIME_TIMESTAMP=", Field::SentAt),
        ];
        for (name, field) in names {
            if let Some(value) = data.strip_prefix(name) {
                return (field, value);
            }
        }
        (Field::Other, &[])
    }
}

/// Data that was read before.
pub(crate) struct Known {
    offset: u64,
    pub(crate) field: Field,
    /// Of a unit: whether its entries are wanted.
    pub(crate) wanted: bool,
    /// Empty for messages and times, which seldom stand in two entries.
    pub(crate) value: Vec<u8>,
}

/// Data by their offset; each has one place, where the newest stays.
pub(crate) struct Memory(Vec<Known>);

impl Memory {
    pub(crate) fn new() -> Self {
        let none = || Known {
            offset: 0,
            field: Field::Other,
            wanted: false,
            value: Vec::new(),
        };
        Memory(std::iter::repeat_with(none).take(REMEMBERED).collect())
    }

    fn place(offset: u64) -> usize {
        // Fibonacci hashing; objects begin at multiples of eight.
        let hash = (offset >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 32) as usize % REMEMBERED
    }

    pub(crate) fn get(&self, offset: u64) -> Option<&Known> {
        let known = &self.0[Self::place(offset)];
        (known.offset == offset).then_some(known)
    }

    /// Remembers data, unless its value is long.
    pub(crate) fn put(&mut self, offset: u64, field: Field, value: &[u8], wanted: bool) {
        let kept = !matches!(field, Field::Other | Field::Message | Field::SentAt);
        if kept && value.len() > SHORT {
            return;
        }
        let known = &mut self.0[Self::place(offset)];
        known.offset = offset;
        known.field = field;
        known.wanted = wanted;
        known.value.clear();
        if kept {
            known.value.extend_from_slice(value);
        }
    }
}
