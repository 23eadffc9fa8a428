//! Each `--regex` of README and of the pages: no remote party can name the address.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Outcome, feed};

/// README and the pages.
fn pages() -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(top.join("examples")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let mut pages: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    pages.push(top.join("README.md"));
    pages
}

/// The patterns of a page: the texts in single quotes behind the option.
fn patterns(page: &str) -> Vec<String> {
    // The manual's quotes and backslashes, those of XML, and those inside of double quotes.
    let mut text = page.to_owned();
    for (written, meant) in [
        (r"\(aq", "'"),
        (r"\e", r"\"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        (r"\\", r"\"),
        (r"\$", "$"),
    ] {
        text = text.replace(written, meant);
    }
    let options = ["--regex '", "extract-ip -e '"];
    let behind = options.iter().flat_map(|option| text.split(option).skip(1));
    let pattern = |rest: &str| rest.split('\'').next().unwrap().to_owned();
    behind.map(pattern).collect()
}

/// The tool's own judgement about a pattern.
fn lint(pattern: &str) -> Outcome {
    let mut lint = Command::new(env!("CARGO_BIN_EXE_extract-ip"));
    feed(lint.args(["--explain", "--regex", pattern]), b"")
}

#[test]
fn no_remote_party_names_the_address() {
    let (mut tried, mut bad) = (0, String::new());
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        // One without <IP> only chooses lines; behind-a-proxy.md says why its last address is safe.
        for pattern in patterns(&text).iter().filter(|p| p.contains("<IP>")) {
            let outcome = lint(pattern);
            assert_eq!(outcome.err, "", "{}: {pattern}", page.display());
            tried += 1;
            if !outcome.out.contains("no line was found") {
                bad += &format!("{}:\n{}", page.display(), outcome.out);
            }
        }
    }
    assert!(bad.is_empty(), "{bad}");
    assert!(tried >= 2, "{tried}");
}

/// The pages' old pattern: a user's name can go on with another address.
#[test]
fn the_lint_finds_a_bad_pattern() {
    let page = r"extract-ip --regex 'Accepted [a-z]+ for .* from <IP> port [0-9]+ ssh2' log";
    assert!(lint(&patterns(page)[0]).out.contains("WARNING"));
}
