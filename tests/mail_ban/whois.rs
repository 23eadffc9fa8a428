//! Whois servers that hang, flood and lie.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::common::wait_until;
use crate::mailer::{KEEP, Mailer};
use crate::servers::whois_server;

#[test]
fn whois_may_hang_and_flood() {
    let mailer = Mailer::new(KEEP);
    let whois = whois_server(|mut stream, query| match query.trim() {
        // Something, and then nothing for ever.
        "203.0.113.7" => {
            stream.write_all(b"netname: SLOW\n").unwrap();
            thread::sleep(Duration::from_secs(600));
        }
        "198.51.100.7" => while stream.write_all(&[b'x'; 65_536]).is_ok() {},
        "192.0.2.7" => while stream.write_all(b"netname: AGAIN\n").is_ok() {},
        _ => {}
    });
    let line = "y".repeat(10 << 20);
    let input =
        format!("203.0.113.7\n198.51.100.7\n192.0.2.7\n2001:db8::7\n192.0.2.8\tline={line}\n");
    let outcome = mailer.run(
        &format!("--digest 1h --whois 127.0.0.1:{whois}"),
        input.as_bytes(),
    );
    assert_eq!(outcome.addresses().len(), 5);
    assert!(
        outcome.err.contains("a line longer than 1 MiB was cut"),
        "{}",
        outcome.err
    );
    wait_until("the mail", || !mailer.mails().is_empty());
    // Where the machine is slow the first mail may tell of some only; the others wait.
    let mail = mailer.mails().concat();
    assert!(mail.contains("  | netname: SLOW\n"), "{mail}");
    assert!(mail.matches("netname: AGAIN").count() <= 80, "{mail}");
    assert!(mail.len() < 30_000, "{}", mail.len());
}

#[test]
fn whois_is_asked_once_for_a_network_and_by_few_at_once() {
    let mailer = Mailer::new(KEEP);
    let asked = Arc::new(Mutex::new(vec![]));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (note, at_once, peak) = (asked.clone(), now.clone(), most.clone());
    let whois = whois_server(move |mut stream, query| {
        note.lock().unwrap().push(query.trim().to_owned());
        peak.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(100));
        // It claims the whole Internet; only the network around the address gets this answer.
        stream
            .write_all(b"inetnum: 0.0.0.0 - 255.255.255.255\n")
            .unwrap();
        at_once.fetch_sub(1, Ordering::SeqCst);
    });
    let ask = |digest: &str, input: &str| {
        let mails = mailer.mails().len();
        let arguments = format!("--digest {digest} --whois 127.0.0.1:{whois}");
        let outcome = mailer.run(&arguments, input.as_bytes());
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        wait_until("the mail", || mailer.mails().len() == mails + 1);
        wait_until("the delivery ends", || mailer.deliveries().is_empty());
    };
    ask(
        "1s",
        "203.0.113.7\n203.0.113.8\n198.51.100.7\n192.0.2.7\n2001:db8::7\n",
    );
    ask(
        "1s",
        "203.0.113.9\n2001:db8:1::7\n198.18.0.7\n198.18.1.7\n198.18.2.7\n",
    );
    let mut asked = asked.lock().unwrap().clone();
    asked.sort();
    let expected = [
        "192.0.2.7",
        "198.18.0.7",
        "198.18.1.7",
        "198.18.2.7",
        "198.51.100.7",
        "2001:db8:1::7",
        "2001:db8::7",
        "203.0.113.7",
    ];
    assert_eq!(asked, expected);
    assert!(most.load(Ordering::SeqCst) <= 3);
}
