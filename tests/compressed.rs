//! Compressed operands, read as text.

mod common;

use std::io::Write;

use common::Shell;

/// `text`, compressed by the library that the tools decode with, in each format.
fn compressed(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    gzip.write_all(text).expect("a Vec takes it");
    bzip2.write_all(text).expect("a Vec takes it");
    xz.write_all(text).expect("a Vec takes it");
    vec![
        ("gz", gzip.finish().expect("a Vec takes it")),
        ("bz2", bzip2.finish().expect("a Vec takes it")),
        ("xz", xz.finish().expect("a Vec takes it")),
        ("zst", zstd::encode_all(text, 1).expect("a Vec takes it")),
    ]
}

#[test]
fn all_formats_as_operand_and_input() {
    let shell = Shell::new();
    let mut log = Vec::new();
    for i in 0..20_000 {
        let _ = writeln!(log, "from 192.0.2.{} port {i}", i % 256);
    }
    std::fs::write(shell.path("log"), &log).expect("a file of the test's own");
    let at = |name: &str| shell.path(name).display().to_string();
    let plain = shell.run(&format!("extract-ip {}", at("log")));
    assert_eq!(plain.out.lines().count(), 20_000);
    for (suffix, packed) in compressed(&log) {
        // Two members, as `cat a.gz b.gz` makes them.
        std::fs::write(shell.path("packed"), packed.repeat(2)).expect("a file of the test's own");
        let twice = plain.out.repeat(2);
        let by_name = shell.run(&format!("extract-ip {}", at("packed")));
        assert_eq!(
            (by_name.err.as_str(), by_name.status),
            ("", Some(0)),
            "{suffix}"
        );
        assert!(by_name.out == twice, "{suffix}");
        let by_pipe = shell.run(&format!(
            "cat {} | extract-ip - {}",
            at("packed"),
            at("log")
        ));
        assert_eq!(by_pipe.out.len(), plain.out.len() * 3, "{suffix}");
    }
}

#[test]
fn a_corrupt_one_is_reported_and_the_others_are_read() {
    let shell = Shell::new();
    let log: Vec<u8> = (0..5000u32)
        .flat_map(|i| format!("192.0.2.{} {i}\n", i % 256).into_bytes())
        .collect();
    let after = shell.path("after");
    std::fs::write(&after, "203.0.113.7\n").expect("a file of the test's own");
    for (suffix, packed) in compressed(&log) {
        let cut = shell.path(&format!("cut.{suffix}"));
        std::fs::write(&cut, &packed[..packed.len() / 2]).expect("a file of the test's own");
        let found = shell.run(&format!("extract-ip {} {}", cut.display(), after.display()));
        assert!(
            found.out.ends_with("203.0.113.7\n"),
            "{suffix}: {}",
            found.out
        );
        let message = format!("extract-ip: {}: can't be unpacked: ", cut.display());
        assert!(found.err.starts_with(&message), "{suffix}: {}", found.err);
        assert_eq!(
            (found.err.lines().count(), found.status),
            (1, Some(2)),
            "{suffix}"
        );
    }
}
