//! Presets of the user's own, in files.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use pipeban::complain::{Fault, describe};

use super::files::FILES;

/// The bytes of a file, at most.
const MAX_SIZE: u64 = 1 << 20;
/// The lines of a file, at most.
const MAX_LINES: usize = 10_000;

/// The files that were read: operand, name and text. Each is read once in a run: it may be a pipe.
static READ: Mutex<Vec<(String, Named)>> = Mutex::new(Vec::new());

/// The name and the text of a preset.
pub(super) type Named = (&'static str, &'static str);

/// Whether this is a file, and neither the name of a preset nor a rule of one, `sshd/failed`.
pub(super) fn is_file(name: &str) -> bool {
    let before = name.split_once('/').map(|(before, _)| before);
    before.is_some_and(|before| !FILES.iter().any(|(service, _)| *service == before))
}

/// A file, and the rule of it that is named: no path goes on behind what is no directory.
pub(super) fn split(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('/') {
        Some((file, rule)) if fs::metadata(file).is_ok_and(|data| !data.is_dir()) => {
            (file, Some(rule))
        }
        _ => (name, None),
    }
}

/// The preset of a file; its name is the file's, without the ending.
pub(super) fn read(path: &str) -> Result<Named, Fault> {
    let mut all = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = all.iter().find(|(known, _)| known == path) {
        return Ok(*known);
    }
    let fault = |what: &str| Fault::new(path, what);
    let io = |e: std::io::Error| Fault::new(path, describe(&e));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(MAX_SIZE + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(fault("larger than 1 MiB: no file of patterns"));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        Fault::new(format!("{path}:{line}"), "not UTF-8")
    })?;
    if text.lines().count() > MAX_LINES {
        return Err(fault("more than 10,000 lines: no file of patterns"));
    }
    let stem = Path::new(path).file_stem().unwrap_or_default();
    let name = stem.to_string_lossy().into_owned();
    // The texts of presets are part of the program; these last as long.
    let named: Named = (name.leak(), text.leak());
    all.push((path.into(), named));
    Ok(named)
}
