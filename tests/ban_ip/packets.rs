//! Real packets between network namespaces: what a ban stops, to the host and through it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use crate::common::{Shell, field, in_namespace, run, wait_until};
use nix::sched::{CloneFlags, unshare};

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace: that of a thread, which does there what it is asked to.
pub struct Place {
    thread: i32,
    pub jobs: mpsc::Sender<Job>,
}

impl Place {
    fn new() -> Self {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            tell.send(nix::unistd::gettid().as_raw()).unwrap();
            todo.into_iter().for_each(|job| job());
        });
        let thread = told.recv().unwrap();
        Place { thread, jobs }
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = mpsc::channel();
        self.jobs
            .send(Box::new(move || tell.send(job()).unwrap()))
            .unwrap();
        told.recv().unwrap()
    }

    fn script(&self, script: String) {
        self.run(move || run("sh", &["-ec", &script]));
    }

    /// A connection to somebody, if he answers within this time.
    pub fn open(&self, to: &'static str, patience: Duration) -> Option<TcpStream> {
        let to: SocketAddr = to.parse().unwrap();
        let stream = self.run(move || TcpStream::connect_timeout(&to, patience));
        let stream = stream.ok()?;
        says(&stream, "hello", patience).then_some(stream)
    }
}

/// Nothing for so long is no answer; where one is expected, it may take longer than anything here
/// takes.
pub const SILENCE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether what is said comes back.
fn says(mut stream: &TcpStream, text: &str, patience: Duration) -> bool {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut answer = vec![0; text.len()];
    stream.write_all(text.as_bytes()).is_ok() && stream.read_exact(&mut answer).is_ok()
}

/// Repeats what it is told, on all addresses of the namespace that this is called in.
fn echo() {
    let listener = TcpListener::bind("[::]:7777").unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
}

/// This host, which forwards between two who come from outside and a server inside; both families.
pub fn network() -> Option<[Place; 2]> {
    run("ip", &["-V"])?;
    let (bad, good, server) = (Place::new(), Place::new(), Place::new());
    let mut host = "ip link set lo up; echo 1 >/proc/sys/net/ipv4/ip_forward
                    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"
        .to_owned();
    for (place, n) in [(&bad, 1), (&good, 2), (&server, 3)] {
        let (thread, own) = (place.thread, 16 * n + 1);
        host += &format!(
            "\nip link add v{n} type veth peer name eth netns {thread}; ip link set v{n} up
             ip addr add 192.0.2.{own}/28 dev v{n}; ip -6 addr add 2001:db8:{n}::1/64 dev v{n} nodad",
        );
    }
    run("sh", &["-ec", &host])?;
    for (place, n) in [(&bad, 1), (&good, 2), (&server, 3)] {
        let (own, other) = (16 * n + 1, 16 * n + 2);
        place.script(format!(
            "ip link set lo up; ip link set eth up
             ip addr add 192.0.2.{other}/28 dev eth; ip -6 addr add 2001:db8:{n}::2/64 dev eth nodad
             ip route add default via 192.0.2.{own}; ip -6 route add default via 2001:db8:{n}::1"
        ));
    }
    echo();
    server.run(echo);
    // The thread of a namespace lives for as long as somebody may ask it.
    std::mem::forget(server);
    Some([bad, good])
}

pub const HOST: [&str; 2] = ["192.0.2.17:7777", "[2001:db8:1::1]:7777"];
const SERVER: [&str; 2] = ["192.0.2.50:7777", "[2001:db8:3::2]:7777"];
/// A port of the host's that leads to the server, as containers publish theirs.
const PUBLISHED: &str = "192.0.2.17:8080";

#[test]
fn the_banned_are_silent_and_the_others_are_not() {
    in_namespace("the_banned_are_silent_and_the_others_are_not", || {
        let Some([bad, good]) = network() else { return };
        let mut targets = [HOST, SERVER].concat();
        // Rules that let open connections through early, and a published port.
        let rules = "add table inet host; add chain inet host input { type filter hook input priority 0; }; \
                     add rule inet host input ct state established,related accept; \
                     add chain inet host forward { type filter hook forward priority 0; }; \
                     add rule inet host forward ct state established,related accept; \
                     add table ip nat; add chain ip nat pre { type nat hook prerouting priority -100; }; \
                     add rule ip nat pre tcp dport 8080 dnat to 192.0.2.50:7777";
        if run("nft", &["--version"]).is_some() && run("nft", &[rules]).is_some() {
            targets.push(PUBLISHED);
        }
        // IPv6 takes a moment to be sure of its own addresses.
        for place in [&bad, &good] {
            wait_until("all is connected", || {
                targets.iter().all(|to| place.open(to, SILENCE).is_some())
            });
        }
        let hosts = ["192.0.2.18", "2001:db8:1::2"];
        let networks = ["192.0.2.18/31", "2001:db8:1::/64"];
        for (backend, addresses) in [
            ("nft", hosts),
            ("nft", networks),
            ("ipset", networks),
            ("iptables", hosts),
        ] {
            let programs = ["ipset", "iptables"];
            if backend != "nft" && programs.iter().any(|p| run(p, &["--version"]).is_none()) {
                continue;
            }
            let shell = Shell::new();
            let addresses = addresses.join(" ");
            let open: Vec<_> = targets
                .iter()
                .map(|to| bad.open(to, PATIENCE).unwrap())
                .collect();
            assert!(
                open.iter()
                    .all(|stream| says(stream, "still here", PATIENCE))
            );

            let ban = format!("ban-ip --even-me --backend {backend} --for 1h {addresses}");
            assert_eq!(shell.run(&ban).addresses().len(), 2, "{backend}");
            for (to, stream) in targets.iter().zip(&open) {
                assert!(
                    bad.open(to, SILENCE).is_none(),
                    "{backend}: {addresses} reaches {to}"
                );
                assert!(
                    !says(stream, "and now?", SILENCE),
                    "{backend}: {addresses} goes on with {to}"
                );
                assert!(
                    good.open(to, PATIENCE).is_some(),
                    "{backend}: another one does not reach {to}"
                );
            }

            let list = format!("ban-ip --backend {backend} --list");
            for script in [&list, &format!("ban-ip --why {addresses}")] {
                let script = script.split(" 2001").next().unwrap();
                let outcome = shell.run(script);
                let number = |text: &&str| text.parse::<u64>().unwrap_or(0);
                let numbers = |key| field(&outcome, key).iter().map(number).collect::<Vec<_>>();
                let (packets, bytes) = (numbers("packets"), numbers("bytes"));
                assert!(packets.iter().all(|n| *n > 0), "{script}: {outcome:?}");
                // Each packet has at least the heads of IP and TCP.
                let fit = |(bytes, packets): (&u64, &u64)| *bytes >= 40 * packets;
                assert!(bytes.iter().zip(&packets).all(fit), "{script}: {outcome:?}");
            }
            assert_eq!(
                shell.run(&format!("unban-at now {addresses}")).status,
                Some(0)
            );
            for to in &targets {
                assert!(
                    bad.open(to, PATIENCE).is_some(),
                    "{backend}: lifted, but does not reach {to}"
                );
            }
        }
    });
}

#[test]
fn verify_says_what_packets_do() {
    in_namespace("verify_says_what_packets_do", || {
        let Some([bad, _]) = network() else { return };
        wait_until("all is connected", || bad.open(HOST[0], SILENCE).is_some());
        if run("nft", &["--version"]).is_none() {
            return;
        }
        let own = "flush chain inet pipeban prerouting; add rule inet pipeban prerouting";
        for (rules, bites) in [
            ("list tables".to_owned(), true),
            (
                "add table ip x; add chain ip x c { type filter hook prerouting priority -400; }; \
                 add rule ip x c accept"
                    .into(),
                true,
            ),
            (
                format!("{own} ip saddr & 255.255.255.255 != @ipv4_32 drop"),
                false,
            ),
            (
                format!("{own} ip saddr & 255.255.255.255 @ipv4_32 tcp dport 22 drop"),
                false,
            ),
            (
                format!("{own} ip daddr & 255.255.255.255 @ipv4_32 drop"),
                false,
            ),
            (
                "insert rule inet pipeban prerouting tcp dport 7777 accept".into(),
                false,
            ),
        ] {
            let shell = Shell::new();
            shell.run("ban-ip --even-me --for 1h 192.0.2.18");
            run("nft", &[&rules]);
            let verify = shell.run("ban-ip --verify");
            assert_eq!(
                verify.status,
                Some(i32::from(!bites)),
                "{rules}: {verify:?}"
            );
            let patience = if bites { SILENCE } else { PATIENCE };
            assert_eq!(bad.open(HOST[0], patience).is_none(), bites, "{rules}");
            run("nft", &["flush", "ruleset"]);
        }
    });
}

/// A ban for single ports stops packets to these, of TCP and UDP and both families, and no others.
#[test]
fn a_ban_for_single_ports_leaves_the_others_alone() {
    in_namespace("a_ban_for_single_ports_leaves_the_others_alone", || {
        let Some([bad, good]) = network() else {
            return;
        };
        let targets = [HOST, SERVER].concat();
        for place in [&bad, &good] {
            wait_until("all is connected", || {
                targets.iter().all(|to| place.open(to, SILENCE).is_some())
            });
        }
        let here = std::net::UdpSocket::bind("192.0.2.17:9999").unwrap();
        here.set_read_timeout(Some(SILENCE)).unwrap();
        let datagram = |place: &Place| {
            place.run(|| {
                let from = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
                from.send_to(b"let me in", "192.0.2.17:9999").unwrap();
            });
            here.recv(&mut [0; 99]).is_ok()
        };
        for backend in ["nft", "ipset", "iptables"] {
            if backend != "nft" && run(backend, &["--version"]).is_none() {
                continue;
            }
            let shell = Shell::new();
            let ban = format!("ban-ip --backend {backend} --even-me --for 1h");
            let hosts = "192.0.2.18 2001:db8:1::/64";
            shell.run(&format!("{ban} --port 7777,22 {hosts}"));
            for to in &targets {
                assert!(bad.open(to, SILENCE).is_none(), "it reaches {to}");
                assert!(
                    good.open(to, PATIENCE).is_some(),
                    "another one does not reach {to}"
                );
            }
            assert!(datagram(&bad), "another port");
            shell.run(&format!("{ban} --port 9999 {hosts}"));
            assert!(!datagram(&bad) && datagram(&good), "UDP");
            assert_eq!(
                shell
                    .run(&format!("unban-at now --port 7777 {hosts}"))
                    .status,
                Some(0)
            );
            for to in &targets {
                assert!(
                    bad.open(to, PATIENCE).is_some(),
                    "lifted, but does not reach {to}"
                );
            }
            assert!(!datagram(&bad), "the other port stays");
            let list = shell.run(&format!("ban-ip --backend {backend} --list"));
            assert_eq!(field(&list, "port"), ["22", "9999", "22", "9999"]);
            shell.run(&format!("unban-at now {hosts}"));
        }
    });
}
