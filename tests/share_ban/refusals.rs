//! Refusals before anything is shared: files that others can read, and brokers that are not the
//! right ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::{Shell, wait_until};
use crate::fleet::{BROKER, with_fleet, write_private};

/// The message of a run with this configuration.
fn refused(shell: &Shell, text: &str) -> String {
    write_private(&shell.path("share.conf"), text);
    let outcome = shell.run(&format!(
        "share-ban --config {}",
        shell.path("share.conf").display()
    ));
    assert_eq!(
        (outcome.status, outcome.out.as_str()),
        (Some(2), ""),
        "{outcome:?}"
    );
    outcome.err
}

#[test]
fn configurations() {
    let shell = Shell::new();
    let base = "name a\nbroker 127.0.0.1\n";
    write_private(&shell.path("password"), "secret\n");
    write_private(&shell.path("empty"), "");
    for (more, message) in [
        ("x y\n", "3: no such key"),
        ("user a\npassword-file nowhere\n", "nowhere: No such file"),
        ("password-file password\n", "password-file without user"),
        ("ca empty\n", "empty: no certificate in PEM form"),
        ("never nowhere/x\n", "nowhere/x: neither an address"),
        ("broker 192.0.2.1\n", "no TLS to another host"),
    ] {
        let err = refused(&shell, &format!("{base}{more}"));
        assert!(
            err.contains(message) && err.lines().count() == 1,
            "{more}: {err}"
        );
    }
    for file in ["share.conf", "password"] {
        refused(
            &shell,
            &format!("{base}user a\npassword-file password\nx y\n"),
        );
        write_private(
            &shell.path("share.conf"),
            &format!("{base}user a\npassword-file password\n"),
        );
        fs::set_permissions(shell.path(file), fs::Permissions::from_mode(0o644)).unwrap();
        let run = format!("share-ban --config {}", shell.path("share.conf").display());
        let outcome = shell.run(&run);
        let message = format!("{file}: others may use it (mode 0644): chmod 600");
        assert!(outcome.err.contains(&message), "{outcome:?}");
        assert_eq!(outcome.status, Some(2));
        write_private(&shell.path(file), "secret\n");
    }
}

#[test]
fn certificates() {
    with_fleet("certificates", 1, |fleet| {
        let folder = fleet.shell.path("certificates").display().to_string();
        let config = fs::read_to_string(fleet.config(0)).unwrap();
        let made = fleet.shell.run(&format!(
            "sh examples/share/certificates.sh {folder}-other {BROKER} a
             cd {folder}; echo 'subjectAltName=IP:{BROKER}' >old.ext
             for name in broker a; do
                 openssl req -new -key $name.key -subj /CN=$name |
                     openssl x509 -req -CA ca.pem -CAkey ca.key -days -1 -extfile old.ext \
                         -out old-$name.pem
             done"
        ));
        assert_eq!(made.status, Some(0), "{made:?}");
        let expect = |fleet: &mut crate::fleet::Fleet, text: &str, message: &str| {
            fleet.stop(0);
            write_private(&fleet.config(0), text);
            let before = fleet.log(0).len();
            fleet.share(0);
            wait_until(message, || fleet.log(0)[before..].contains(message));
            wait_until("it is counted", || {
                let figures = fleet.figures(0);
                figures.contains(" connected=0 ") && figures.contains(" failures=")
            });
        };
        let other = config.replace(&format!("ca {folder}/"), &format!("ca {folder}-other/"));
        expect(fleet, &other, "invalid peer certificate: BadSignature");
        let other = config.replace(&format!("{folder}/a."), &format!("{folder}-other/a."));
        expect(fleet, &other, "received fatal alert");
        let old = config.replace(&format!("{folder}/a.pem"), &format!("{folder}/old-a.pem"));
        expect(fleet, &old, "received fatal alert: CertificateExpired");
        let name = config.replace(&format!("broker {BROKER}"), "broker 10.9.0.253");
        fleet.shell.run("ip addr add 10.9.0.253/24 dev br0");
        expect(fleet, &name, "invalid peer certificate");
        fleet.kill_broker(false);
        fleet.configure_broker(|text| text.replace("broker.pem", "old-broker.pem"));
        fleet.start_broker();
        expect(fleet, &config, "invalid peer certificate");
        // As it should be, at last.
        fleet.kill_broker(false);
        fleet.configure_broker(|text| text);
        fleet.start_broker();
        wait_until("connected", || fleet.figures(0).contains(" connected=1 "));
        // Plain text is no TLS, and the port of nobody is nobody.
        let plain = config.replace(&format!("broker {BROKER}"), &format!("broker {BROKER}:1"));
        expect(fleet, &plain, "Connection refused");
    });
}

/// By user and password, on this host without TLS.
#[test]
fn passwords() {
    with_fleet("passwords", 1, |fleet| {
        fleet.kill_broker(false);
        let file = fleet.shell.path("passwords").display().to_string();
        let made = fleet.shell.run(&format!(
            "command -v mosquitto_passwd >/dev/null && mosquitto_passwd -b -c {file} a secret"
        ));
        assert_eq!(made.status, Some(0), "{made:?}");
        fleet.configure_broker(|_| format!("listener 8883 {BROKER}\npassword_file {file}\n"));
        fleet.start_broker();
        write_private(&fleet.shell.path("password"), "wrong\n");
        let text = format!(
            "name a\nbroker {BROKER}:8883\ninsecure yes\nuser a\npassword-file {}\n",
            fleet.shell.path("password").display()
        );
        write_private(&fleet.config(0), &text);
        fleet.share(0);
        wait_until("it is refused", || fleet.log(0).contains("not authorised"));
        fleet.stop(0);
        write_private(&fleet.shell.path("password"), "secret\n");
        fleet.share(0);
        wait_until("connected", || fleet.figures(0).contains(" connected=1 "));
    });
}

/// A broker that speaks something else, or nothing.
#[test]
fn hostile_brokers() {
    use std::io::{Read, Write};
    let shell = Shell::new();
    let answers: [&[u8]; 6] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x02\x00\x00",
        b"\x20\x03\x00\x87\x00",
        b"\x20\x03\x00\x00\x00\x30\xff\xff\xff\x7f",
        b"\x20\x03\x00\x00\x00\x30\x06\x00\x00\x03\x23\x00\x01",
        b"\xff\xff\xff\xff\xff\xff",
    ];
    for answer in answers {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1000]);
            let _ = stream.write_all(answer);
            let mut rest = vec![];
            let _ = stream.read_to_end(&mut rest);
        });
        write_private(
            &shell.path("share.conf"),
            &format!("name a\nbroker 127.0.0.1:{port}\n"),
        );
        let config = shell.path("share.conf").display().to_string();
        let outcome = shell.feed(
            &format!("share-ban --config {config}"),
            b"203.0.113.1\tuntil=never\n",
        );
        assert_eq!(
            (outcome.status, outcome.out.as_str()),
            (Some(2), ""),
            "{outcome:?}"
        );
        assert!(
            outcome.err.contains("the broker has not taken all"),
            "{outcome:?}"
        );
        assert!(!outcome.err.contains("panicked"), "{outcome:?}");
        server.join().unwrap();
    }
}
