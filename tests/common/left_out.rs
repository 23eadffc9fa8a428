// Also included by tests inside the crates of lib/.

/// Says that this test leaves something out, and why, such as "nft is not installed".
///
/// Where `PIPEBAN_TEST_ALL` is set, as tests/all.sh does, the test fails in place of that.
#[track_caller]
pub(crate) fn left_out(why: &str) {
    let thread = std::thread::current();
    let text = format!("left out: {}: {why}\n", thread.name().unwrap_or("a test"));
    assert!(std::env::var_os("PIPEBAN_TEST_ALL").is_none(), "{text}");
    // libtest hides what a passing test prints by println! and eprintln!, but not this.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
}
