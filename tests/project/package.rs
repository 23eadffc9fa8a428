//! package/install.sh, which the archive of static programs brings.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::{Outcome, Shell};
use crate::help::TOOLS;

/// All files below a directory, by their paths in it.
fn files(directory: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => open.push(path),
                path => {
                    let path = path.strip_prefix(directory).unwrap();
                    _ = files.insert(path.display().to_string());
                }
            }
        }
    }
    files
}

/// The archive as package/tarball.sh fills it, with the tools of this build.
fn unpack(shell: &Shell) {
    let outcome = shell.run(&format!(
        "set -e; cd {0}; mkdir {1}/sbin; cp package/pipeban-setup package/pipeban-status {1}/sbin
         cp -r man examples package/completions package/install.sh package/never README.md {1}",
        env!("CARGO_MANIFEST_DIR"),
        shell.directory.path().display()
    ));
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    fs::create_dir(shell.path("bin")).unwrap();
    for (tool, program) in TOOLS {
        std::os::unix::fs::symlink(program, shell.path("bin").join(tool)).unwrap();
    }
}

fn install(shell: &Shell, arguments: &str) -> Outcome {
    let directory = shell.directory.path().display();
    shell.run(&format!(
        "DESTDIR={directory}/root sh {directory}/install.sh {arguments}"
    ))
}

#[test]
fn install_and_uninstall() {
    let shell = Shell::new();
    unpack(&shell);
    let root = shell.path("root");
    for prefix in ["", "/usr"] {
        let outcome = install(&shell, prefix);
        assert_eq!((outcome.err.as_str(), outcome.status), ("", Some(0)));
        let below = root.join(if prefix.is_empty() {
            "usr/local"
        } else {
            "usr"
        });
        let installed = files(&below);
        for (tool, _) in TOOLS {
            for path in [
                format!("bin/{tool}"),
                format!("share/bash-completion/completions/{tool}"),
                format!("share/fish/vendor_completions.d/{tool}.fish"),
            ] {
                assert!(installed.contains(&path), "{path}: {installed:?}");
            }
            let is_page = |path: &&String| path.contains(&format!("/{tool}."));
            assert_eq!(
                installed.iter().filter(is_page).count(),
                2,
                "page and fish: {tool}"
            );
        }
        for path in [
            "share/man/man7/pipeban.7",
            "share/zsh/site-functions/_pipeban",
            "lib/systemd/system/pipeban@.service",
            "share/doc/pipeban/examples/demo.sh",
        ] {
            assert!(installed.contains(path), "{path}: {installed:?}");
        }
        let version = shell.run(&format!("{}/bin/ban-ip --version", below.display()));
        assert_eq!(version.status, Some(0), "{version:?}");
        // A second one replaces all.
        assert_eq!(install(&shell, prefix).status, Some(0));
        assert_eq!(files(&below), installed);

        let outcome = install(&shell, &format!("--uninstall {prefix}"));
        assert_eq!((outcome.err.as_str(), outcome.status), ("", Some(0)));
        assert_eq!(files(&below), BTreeSet::new());
    }
    assert_eq!(install(&shell, "--help").status, Some(2));
    // The bans that nobody lifts any more are told. This script would ask the host's services.
    install(&shell, "");
    let prefix = root.join("usr/local");
    std::fs::remove_file(prefix.join("lib/pipeban/services")).unwrap();
    shell.run("ban-ip --backend none --for 1h 203.0.113.7 203.0.113.8");
    let directory = shell.directory.path().display();
    let prefix = prefix.display();
    let outcome = shell.run(&format!("sh {directory}/install.sh --uninstall {prefix}"));
    let told = "bans that stay in the firewall: 2 (with nft, `nft delete table";
    assert!(outcome.out.contains(told), "{outcome:?}");
}

/// Each program of the manifest is a tool that the other tests here know.
#[test]
fn every_program_is_a_tool() {
    let manifest = include_str!("../../Cargo.toml");
    let bins = manifest.split("[[bin]]\nname = \"").skip(1);
    let bins: BTreeSet<&str> = bins.filter_map(|b| b.split('"').next()).collect();
    assert_eq!(bins, TOOLS.iter().map(|(tool, _)| *tool).collect());
}

/// The names of files in the packages' lists are there, and so are those that these lists need.
#[test]
fn lists_name_files() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(top.join("Cargo.toml")).unwrap();
    let lists = manifest.split_once("[package.metadata.deb]").unwrap().1;
    let quoted = lists.split('"').skip(1).step_by(2);
    let sources = quoted.filter(|text| {
        ["package/", "man/", "examples/"]
            .iter()
            .any(|start| text.starts_with(start))
    });
    let mut seen = 0;
    for source in sources {
        let folder = source
            .split_once('*')
            .and_then(|(before, _)| before.rsplit_once('/'));
        let path = top.join(folder.map_or(source, |(folder, _)| folder));
        assert!(path.exists(), "{source}");
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
    // Each tool is in both lists.
    for (tool, _) in TOOLS {
        assert_eq!(
            lists.matches(&format!("target/release/{tool}\"")).count(),
            2,
            "{tool}"
        );
    }
}
