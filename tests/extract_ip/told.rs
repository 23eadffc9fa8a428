//! Messages at the end of the input.

use crate::common::Shell;

/// Behind a log into which clients can write lines, no preset believes anything; that is told.
#[test]
fn failures_that_are_not_believed() {
    let shell = Shell::new();
    let error = "2026/03/30 02:16:17 [error] 7#7: *1 open() \"/x\" failed, client: 203.0.113.9\n";
    let failed =
        "Mar 30 02:16:17 host sshd[7]: Failed password for x from 203.0.113.7 port 22 ssh2\n";
    let found = "203.0.113.7\trule=sshd/failed\n";
    for (log, out, told, status) in [
        (format!("{failed}{error}"), found, "", 0),
        (
            format!("{failed}{error}{failed}"),
            found,
            "--preset: 1 failure is not believed: they stand in a log of nginx-error",
            0,
        ),
        (
            format!("{error}{failed}{failed}"),
            "",
            "--preset: 2 failures are not believed",
            1,
        ),
        (
            format!("error.log\t{error}auth.log\t{failed}"),
            found,
            "",
            0,
        ),
    ] {
        let outcome = shell.feed("extract-ip --preset sshd", log.as_bytes());
        let is_told = match told {
            "" => outcome.err.is_empty(),
            told => outcome.err.starts_with(&format!("extract-ip: {told}")),
        };
        assert!(is_told, "{log}: {}", outcome.err);
        assert_eq!(
            (outcome.out.as_str(), outcome.status),
            (out, Some(status)),
            "{log}"
        );
    }
    // Files are apart, also where they are merged by time.
    std::fs::write(shell.path("a.log"), format!("{error}{failed}")).expect("a file of the test's");
    std::fs::write(shell.path("b.log"), failed).expect("a file of the test's own");
    let directory = shell.path("").display().to_string();
    for flags in ["", "--time"] {
        let run = format!("cd {directory} && extract-ip {flags} --preset sshd a.log b.log");
        let outcome = shell.run(&run);
        assert_eq!(outcome.out.lines().count(), 1, "{flags}");
        assert_eq!(
            outcome.err.matches("1 failure is not believed").count(),
            1,
            "{flags}"
        );
    }
}
