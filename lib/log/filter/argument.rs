//! The argument of `--filter`: `FILE` or `FILE[option=value,…]`.

use std::path::{Path, PathBuf};

use pipeban::complain::Fault;
use pipeban::hints::did_you_mean;

/// The folder in which a bare name is looked up.
const FOLDER: &str = "/etc/fail2ban/filter.d";

/// The file that an argument names. The error guesses at a filter of fail2ban's that is meant.
pub(super) fn find(file: &str) -> Result<PathBuf, Fault> {
    let path = PathBuf::from(file);
    if path.exists() || file.contains('/') {
        return Ok(path);
    }
    let mut named = Path::new(FOLDER).join(file);
    if named.extension().is_none() {
        named.set_extension("conf");
    }
    if !named.exists() {
        let names = names();
        let guess = did_you_mean(file, names.iter().map(String::as_str));
        let what = format!("no file of that name, here or in {FOLDER}{guess}");
        return Err(Fault::new(file, what));
    }
    Ok(named)
}

/// The names of the filters in fail2ban's own folder, in order; none where it is not installed.
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let name = |path: PathBuf| {
        let is_filter = path.extension()? == "conf";
        let name = path.file_stem()?.to_str()?.to_owned();
        is_filter.then_some(name)
    };
    let mut names: Vec<_> = entries.filter_map(|e| name(e.path())).collect();
    names.sort_unstable();
    names
}

pub(super) type Options = Vec<(String, String)>;

/// Splits `FILE[a=1,b="x, y"][c='z']`.
pub(super) fn options(argument: &str) -> Result<(String, Options), String> {
    let argument = argument.trim_end();
    let Some((file, list)) = argument.split_once('[') else {
        return Ok((argument.into(), Options::new()));
    };
    let mut rest = list
        .strip_suffix(']')
        .ok_or("an option list without its ]")?;
    let mut options = Options::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if rest.is_empty() {
            return Ok((file.into(), options));
        }
        let good = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let (name, value) = rest
            .split_once('=')
            .filter(|(name, _)| !name.is_empty() && name.chars().all(good))
            .ok_or_else(|| format!("not an option such as mode=normal: \"{rest}\""))?;
        let quote = value.chars().next().filter(|c| *c == '"' || *c == '\'');
        let (value, after) = match quote {
            Some(quote) => value[1..]
                .split_once(quote)
                .ok_or("a quote without its end")?,
            None => {
                let end = value.find([',', ']']).unwrap_or(value.len());
                value.split_at(end)
            }
        };
        options.push((name.to_lowercase(), value.trim().to_string()));
        let after = after.trim_start();
        rest = match after.strip_prefix(']') {
            Some(next) => next
                .trim_start()
                .strip_prefix('[')
                .ok_or("text after an option list")?,
            None if after.is_empty() || after.starts_with(',') => after,
            None => return Err(format!("text after an option: \"{after}\"")),
        };
    }
}
