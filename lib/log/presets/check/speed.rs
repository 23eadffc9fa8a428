//! The speed of a preset on long lines.

use std::time::{Duration, Instant};

use super::super::Presets;
use super::super::read::Preset;
use super::examples::verdict_after;
use super::hostile::{plain, with};

/// The length of hostile text in a line, in bytes.
const LONG: usize = 64 << 10;
/// A line takes at most this long; those of good patterns take a hundredth of it.
const MAX_TIME: Duration = Duration::from_millis(500);

/// Tries each example, until `end`, with long text in its marks or at its end: pieces of the line
/// itself, which lead a search astray. Answers the bytes a second, and the slow ones.
pub(super) fn measure(
    presets: &mut Presets,
    preset: &Preset,
    end: Instant,
) -> (u64, Vec<(usize, String)>) {
    let (mut bytes, mut time, mut slow) = (0, Duration::ZERO, Vec::new());
    for example in preset.examples.iter().filter(|e| e.expected.is_some()) {
        let text = plain(example.line);
        let pieces = [&text[text.len() / 2..], &text, b" x"].concat();
        let long: Vec<u8> = pieces.iter().copied().cycle().take(LONG).collect();
        let mut line = with(example.line, &mut |_, _, _| long.clone());
        if line.len() < LONG {
            line.extend(&long);
        }
        let begun = Instant::now();
        verdict_after(presets, &[], &line);
        let taken = begun.elapsed();
        bytes += line.len();
        time += taken;
        if taken > MAX_TIME {
            let (size, taken) = (line.len() >> 10, taken.as_millis());
            let what = format!("slow: a line of {size} KiB takes {taken} ms");
            slow.push((example.number, what));
        }
        if Instant::now() > end {
            break;
        }
    }
    let speed = bytes as u128 * 1_000_000_000 / time.as_nanos().max(1);
    (u64::try_from(speed).unwrap_or(u64::MAX), slow)
}
