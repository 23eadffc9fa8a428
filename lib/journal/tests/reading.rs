//! Journal files: real ones of systemd 252, made ones in every form, and damaged ones.

use std::fs::File;
use std::io::{Seek, Write};

use pipeban_journal::{Entry, JournalFile, is_journal};

/// A file with these bytes.
fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// All lines of a file with numbers for times, and the number of errors.
fn lines(bytes: &[u8], unit: Option<&'static str>) -> (Vec<String>, usize) {
    let units = unit.map(|unit| -> Box<dyn Fn(&[u8]) -> bool + Send> {
        Box::new(move |name| name == unit.as_bytes())
    });
    let Ok(mut journal) = JournalFile::open(file(bytes), units) else {
        return (Vec::new(), 1);
    };
    let (mut lines, mut errors) = (Vec::new(), 0);
    let mut entry = Entry::default();
    loop {
        match journal.next(&mut entry) {
            Ok(true) => {
                let mut line = Vec::new();
                entry.write(entry.time.to_string().as_bytes(), &mut line);
                lines.push(
                    String::from_utf8_lossy(&line)
                        .trim_end_matches('\n')
                        .to_string(),
                );
            }
            Ok(false) => return (lines, errors),
            Err(_) => errors += 1,
        }
    }
}

fn sample(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/tests/samples/{name}.journal.zst",
        env!("CARGO_MANIFEST_DIR")
    );
    zstd::decode_all(File::open(path).unwrap()).unwrap()
}

#[test]
fn real_files() {
    let long = format!("long {}", "abcdefgh 203.0.113.8 ".repeat(400));
    let messages = [
        "Failed password for root from 203.0.113.7 port 40222 ssh2",
        "two\\nlines",
        "bad \u{fffd} bytes",
        &long,
    ];
    let expected: Vec<_> = (0..60)
        .map(|i| {
            let received = 1_774_804_577_123_456_i64 + i * 1_500_000;
            let time = if i % 3 == 0 { received } else { received - 40 };
            let message = messages[i as usize % 4];
            format!("{time} host sshd[{}]: {message}", 100 + i / 5)
        })
        .collect();
    for name in ["systemd-252-regular", "systemd-252-compact"] {
        let bytes = sample(name);
        assert!(is_journal(&file(&bytes)).unwrap());
        assert_eq!(lines(&bytes, None), (expected.clone(), 0), "{name}");
        // By the unit as the journal knows it, not by the name that a client gave itself.
        let of_ssh = expected
            .iter()
            .skip(1)
            .step_by(2)
            .cloned()
            .collect::<Vec<_>>();
        assert_eq!(lines(&bytes, Some("ssh.service")), (of_ssh, 0), "{name}");
        for old in 0..=60 {
            let mut journal = JournalFile::open(file(&bytes), None).unwrap();
            journal.seek(|number, _| number <= old).unwrap();
            assert_eq!(journal.number(), old, "{name}");
            let mut entry = Entry::default();
            let more = journal.next(&mut entry).unwrap();
            assert_eq!(
                (more, more.then_some(entry.number)),
                (old < 60, (old < 60).then_some(old + 1))
            );
        }
    }
}

/// Makes files: a header of 208 bytes, then objects.
struct Maker {
    bytes: Vec<u8>,
    compact: bool,
    entries: Vec<u64>,
}

impl Maker {
    fn new(compact: bool) -> Self {
        let mut bytes = vec![0; 208];
        bytes[..8].copy_from_slice(b"LPKSHHRH");
        bytes[12] = if compact { 31 } else { 15 };
        bytes[88] = 208;
        Maker {
            bytes,
            compact,
            entries: Vec::new(),
        }
    }

    fn object(&mut self, kind: u8, flags: u8, payload: &[u8]) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let offset = self.bytes.len() as u64;
        self.bytes
            .extend_from_slice(&[kind, flags, 0, 0, 0, 0, 0, 0]);
        self.bytes
            .extend_from_slice(&(16 + payload.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(payload);
        offset
    }

    fn data(&mut self, flags: u8, data: &[u8]) -> u64 {
        let head = if self.compact { 56 } else { 48 };
        self.object(1, flags, &[&vec![0; head], data].concat())
    }

    fn offsets(&self, offsets: &[u64], entry: bool) -> Vec<u8> {
        let one = |offset: &u64| match (self.compact, entry) {
            (true, _) => (*offset as u32).to_le_bytes().to_vec(),
            (false, true) => [offset.to_le_bytes(), [0; 8]].concat(),
            (false, false) => offset.to_le_bytes().to_vec(),
        };
        offsets.iter().flat_map(one).collect()
    }

    fn entry(&mut self, number: u64, data: &[u64]) {
        let mut payload = vec![0; 48];
        payload[..8].copy_from_slice(&number.to_le_bytes());
        payload[8..16].copy_from_slice(&(1000 * number).to_le_bytes());
        payload.extend(self.offsets(data, true));
        let offset = self.object(3, 0, &payload);
        self.entries.push(offset);
    }

    /// Ends the file with arrays of two entries each.
    fn finish(mut self) -> Vec<u8> {
        let count = self.entries.len() as u64;
        self.bytes[152..160].copy_from_slice(&count.to_le_bytes());
        let mut link = 176;
        for pair in self.entries.clone().chunks(2) {
            let items = self.offsets(pair, false);
            let array = self.object(6, 0, &[&[0; 8][..], &items].concat());
            self.bytes[link..link + 8].copy_from_slice(&array.to_le_bytes());
            link = array as usize + 16;
        }
        self.bytes
    }
}

/// Data packed as the flags say; LZ4 without any match.
fn pack(flags: u8, data: &[u8]) -> Vec<u8> {
    match flags {
        1 => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        2 => {
            let mut out = (data.len() as u64).to_le_bytes().to_vec();
            out.push(0xf0);
            let mut rest = data.len() - 15;
            while rest >= 255 {
                out.push(255);
                rest -= 255;
            }
            out.push(rest as u8);
            [&out, data].concat()
        }
        4 => zstd::encode_all(data, 3).unwrap(),
        _ => data.to_vec(),
    }
}

fn made(compact: bool, flags: u8, message: &[u8]) -> Vec<u8> {
    let mut maker = Maker::new(compact);
    let unit = maker.data(0, b"_SYSTEMD_UNIT=ssh.service");
    let name = maker.data(0, b"SYSLOG_IDENTIFIER=sshd\n[1]: x");
    for number in 1..=5 {
        let text = [b"MESSAGE=", message, number.to_string().as_bytes()].concat();
        let message = maker.data(flags, &pack(flags, &text));
        maker.entry(number, &[unit, name, message]);
    }
    maker.finish()
}

#[test]
fn made_files_in_every_form() {
    for compact in [false, true] {
        for flags in [0, 1, 2, 4] {
            let bytes = made(compact, flags, b"a message of some length ");
            let line = |n| format!("{n}000 - sshd_[1]:_x: a message of some length {n}");
            let expected: Vec<_> = (1..=5).map(line).collect();
            assert_eq!(lines(&bytes, None), (expected, 0), "{compact} {flags}");
            // A message is cut at 1 MiB, however it is packed.
            let bytes = made(compact, flags, &vec![b'x'; 5 << 20]);
            let (cut, errors) = lines(&bytes, None);
            assert_eq!((cut.len(), errors), (5, 0), "{compact} {flags}");
            assert!(
                cut.iter().all(|line| line.len() == 1 << 20),
                "{compact} {flags}"
            );
        }
    }
}

#[test]
fn added_entries_are_read() {
    let whole = made(false, 0, b"message ");
    let mut growing = whole.clone();
    growing[152] = 2;
    let mut handle = file(&growing);
    let mut journal = JournalFile::open(handle.try_clone().unwrap(), None).unwrap();
    let mut entry = Entry::default();
    for number in 1..=5 {
        if number > 2 {
            assert!(!journal.next(&mut entry).unwrap());
            handle.seek(std::io::SeekFrom::Start(152)).unwrap();
            handle.write_all(&[number]).unwrap();
            assert!(journal.refresh().unwrap());
        }
        assert!(journal.next(&mut entry).unwrap());
        assert_eq!(entry.number, u64::from(number));
    }
    assert!(!journal.refresh().unwrap());
}

#[test]
fn damaged_files_end_and_stay_within_bounds() {
    let mut real = sample("systemd-252-compact");
    let end = real.iter().rposition(|b| *b != 0).unwrap();
    real.truncate(end + 1);
    let made = [
        made(false, 4, b"message "),
        made(true, 2, b"message with more text "),
        made(true, 1, b"message "),
    ];
    let mut random = fastrand::Rng::with_seed(17);
    for round in 0..10_000 {
        // The real one is larger: most of it is its table of hashes.
        let mut bytes = if round % 500 == 0 {
            real.clone()
        } else {
            made[round % 3].clone()
        };
        for _ in 0..=random.usize(..4) {
            let at = random.usize(..bytes.len());
            bytes[at] = match random.usize(..3) {
                0 => 255,
                1 => 0,
                _ => random.u8(..),
            };
        }
        // A chain that goes back, an object that contains itself, numbers without end.
        if random.bool() {
            let at = random.usize(..bytes.len() - 8) & !7;
            let number = [u64::MAX, 208, 1 << 43, at as u64][random.usize(..4)];
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        bytes.truncate(random.usize(..bytes.len() * 4).max(1));
        let (lines, errors) = lines(&bytes, None);
        assert!(
            lines.len() + errors <= 200,
            "{round}: {} {errors}",
            lines.len()
        );
    }
}
