//! Compressed operands, read as text.

use std::io::Write;

use crate::common::Shell;

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

/// Bytes behind the last member are padding or are told; the last line before it is whole.
#[test]
fn behind_the_last_member() {
    let shell = Shell::new();
    for (suffix, packed) in compressed(b"from 192.0.2.1\nfrom 198.51.100.123") {
        let path = shell.path(&format!("log.{suffix}"));
        for (tail, good) in [(&[0; 8], ["gz", "xz"]), (b"garbage\n", ["", ""])] {
            std::fs::write(&path, [&packed[..], tail].concat()).expect("a file of the test's own");
            let found = shell.run(&format!("extract-ip {}", path.display()));
            assert_eq!(found.out, "192.0.2.1\n198.51.100.123\n", "{suffix}");
            let told = format!("extract-ip: {}: trailing garbage ignored\n", path.display());
            let expected = match good.contains(&suffix) {
                true => ("", Some(0)),
                false => (told.as_str(), Some(2)),
            };
            assert_eq!((found.err.as_str(), found.status), expected, "{suffix}");
        }
    }
}

/// The number at the end of what can be unpacked may be the half of another.
#[test]
fn half_an_address_is_none() {
    let shell = Shell::new();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(b"from 192.0.2.1 and 198.51.100.123")
        .expect("a Vec takes it");
    let packed = gzip.finish().expect("a Vec takes it");
    let cut = shell.path("cut.gz");
    for less in 9..20 {
        std::fs::write(&cut, &packed[..packed.len() - less]).expect("a file of the test's own");
        let found = shell.run(&format!("extract-ip {}", cut.display()));
        assert_eq!(found.out, "192.0.2.1\n", "{less} bytes less");
        assert_eq!(found.status, Some(2));
    }
}

/// Several processors read several files at the same time; the output is the same.
#[test]
fn many_operands_as_one_by_one() {
    let shell = Shell::new();
    let log = |from: u32| -> Vec<u8> {
        let line = |i| format!("user{} from 192.0.2.{} port {i}\n", i % 7, i % 256).into_bytes();
        (from..from + 60_000).flat_map(line).collect()
    };
    let packed = compressed(&log(1));
    let cut = packed[0].1[..packed[0].1.len() / 2].to_vec();
    let unended = b"203.0.113.7\n203.0.113".to_vec();
    let mut names = vec!["missing".to_string()];
    for (i, text) in [
        log(2),
        unended,
        packed[0].1.clone(),
        vec![],
        log(3),
        cut,
        packed[3].1.clone(),
        b"8::1\n".to_vec(),
    ]
    .into_iter()
    .enumerate()
    {
        names.push(i.to_string());
        std::fs::write(shell.path(&names[i + 1]), text).expect("a file of the test's own");
    }
    let at = shell.directory.path().display();
    for flags in [
        "",
        "--json --first",
        "-e 'user3 from <IP>' -e user5 --line",
        "-e nobody",
    ] {
        let script = format!("cd {at}; extract-ip {flags} {}", names.join(" "));
        let all = shell.run(&script);
        let each: Vec<_> = names
            .iter()
            .map(|name| shell.run(&format!("cd {at}; extract-ip {flags} {name}")))
            .collect();
        let out: String = each.iter().map(|o| o.out.as_str()).collect();
        assert!(all.out == out, "{flags}");
        // The order of messages is left open.
        let mut complaints: Vec<_> = all.err.lines().collect();
        complaints.sort_unstable();
        let mut expected: Vec<_> = each.iter().flat_map(|o| o.err.lines()).collect();
        expected.sort_unstable();
        assert_eq!((complaints, all.status), (expected, Some(2)), "{flags}");
        // The good ones alone: whether anything was found is the status.
        let good = shell.run(&format!("cd {at}; extract-ip {flags} 0 2 3 4"));
        let status = i32::from(flags == "-e nobody");
        assert_eq!(
            (good.err.as_str(), good.status),
            ("", Some(status)),
            "{flags}"
        );
    }
}

/// A file that can't be read as text is named, and the other operands are read.
#[test]
fn files_that_are_no_text_are_named() {
    let shell = Shell::new();
    std::fs::write(shell.path("good"), "192.0.2.1\n").expect("a file of the test's own");
    for (first, kind) in [
        (&b"\xff\xfe1\x009\x002\x00"[..], "UTF-16"),
        (b"\xfe\xff\x001\x009", "UTF-16"),
        (b"1\x009\x002\x00.\x00", "UTF-16"),
        (b"\x001\x009\x002\x00.", "UTF-16"),
        (b"\x04\x22\x4d\x18192.0.2.9", "lz4"),
        (b"\x1f\x9d192.0.2.9", "compress's .Z"),
    ] {
        std::fs::write(shell.path("bad"), first).expect("a file of the test's own");
        let at = shell.directory.path().display();
        let found = shell.run(&format!("cd {at}; extract-ip bad good"));
        assert_eq!(found.out, "192.0.2.1\n");
        let expected = format!("extract-ip: bad: {kind} is not read: ");
        assert!(found.err.starts_with(&expected), "{}", found.err);
        assert_eq!(found.status, Some(2));
    }
    // A mark of UTF-8 before the first line is none of it.
    let line = b"\xef\xbb\xbfMar 30 02:16:17 host sshd[7]: Invalid user x from 192.0.2.1 port 5\n";
    let found = shell.feed("extract-ip --preset sshd", line);
    assert_eq!(found.out, "192.0.2.1\trule=sshd/invalid-user\n");
}

/// `cat log log.gz`: the one is read, and the other told.
#[test]
fn gzip_behind_text_is_told() {
    let shell = Shell::new();
    let log = b"from 203.0.113.7\n";
    let (_, packed) = compressed(log).swap_remove(0);
    std::fs::write(shell.path("log"), log).expect("a file of the test's own");
    std::fs::write(shell.path("log.gz"), packed).expect("a file of the test's own");
    let directory = shell.path("").display().to_string();
    for script in [
        "cat log log.gz | extract-ip --first",
        "cat log log.gz >both; extract-ip --first both",
    ] {
        let outcome = shell.run(&format!("cd {directory} && {{ {script}\n}}"));
        assert_eq!(outcome.out, "203.0.113.7\n", "{script}");
        assert_eq!(outcome.status, Some(2), "{script}");
        let told = ": gzip data behind plain text are not read";
        assert!(outcome.err.contains(told), "{script}: {}", outcome.err);
    }
}
