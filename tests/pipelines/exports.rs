//! The commands of examples/exports.md as they stand there: real web servers refuse the clients
//! that are banned, while the firewall lets them through. (tests/crowdsec.sh runs a real CrowdSec.)

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::common::{Shell, run, unshared, wait_until};

const PAGE: &str = include_str!("../../examples/exports.md");

/// The command of the page that has these words, with its files in the shell's directory.
fn command(shell: &Shell, words: &str) -> String {
    let blocks = PAGE.split("\n```").skip(1).step_by(2);
    let command = blocks.filter_map(|block| Some(block.split_once('\n')?.1));
    let command = command.into_iter().find(|text| text.contains(words));
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/exports");
    let directory = shell.directory.path().display();
    let command = command
        .expect(words)
        .replace("sh keep.sh ", &format!("sh {}/keep.sh ", scripts.display()));
    [
        "/etc/nginx/",
        "/etc/haproxy/",
        "/etc/pipeban/",
        "/var/www/html/",
    ]
    .iter()
    .fold(command, |c, there| {
        c.replace(there, &format!("{directory}/"))
    })
}

/// A process with all that it starts, killed at the end.
struct Live(Child);

impl Live {
    fn start(shell: &Shell, script: &str) -> Self {
        let mut command = shell.command("sh");
        command.args(["-c", script]).env("PAUSE", "0.2");
        let path = shell.path("bin").display().to_string();
        let tools = command.get_envs().find(|(k, _)| *k == "PATH");
        let tools = tools.unwrap().1.unwrap().to_str().unwrap().to_owned();
        command.env("PATH", format!("{path}:{tools}"));
        command.stdin(Stdio::null()).process_group(0);
        Live(command.spawn().unwrap())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(self.0.id() as i32);
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// The status of the answer that a client with this address gets at the port.
fn answer(shell: &Shell, client: &str, port: u16) -> String {
    let host = if client.contains(':') {
        "[::1]"
    } else {
        "127.0.0.1"
    };
    let ask = format!(
        "curl -s -o /dev/null -w '%{{http_code}}' --interface {client} http://{host}:{port}/"
    );
    shell.run(&ask).out
}

const CLIENTS: [&str; 3] = ["203.0.113.7", "198.51.100.9", "2001:db8::7"];

/// Bans, asks and lifts while the server runs by the file that the command keeps.
fn refuses(shell: &Shell, port: u16) {
    let all = |expected: [&str; 3]| {
        wait_until(&format!("{expected:?} at {port}"), || {
            CLIENTS.map(|client| answer(shell, client, port)) == expected
        });
    };
    all(["200", "200", "200"]);
    let ban = |words: &str| {
        let script = format!("ban-ip --backend none --even-me --for 1h {words}");
        let outcome = shell.run(&script);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
    };
    ban("203.0.113.7 2001:db8::/64");
    ban("--port 22 198.51.100.9");
    all(["403", "200", "403"]);
    ban("198.51.100.0/24");
    all(["403", "403", "403"]);
    shell.run("unban-at now 203.0.113.7 198.51.100.0/24");
    all(["200", "200", "403"]);
    shell.run("unban-at now 2001:db8::/64");
    all(["200", "200", "200"]);
}

fn network(shell: &Shell) {
    run("ip", &["link", "set", "lo", "up"]);
    for client in CLIENTS {
        let host = if client.contains(':') { 128 } else { 32 };
        run(
            "ip",
            &["address", "add", &format!("{client}/{host}"), "dev", "lo"],
        );
    }
    fs::create_dir(shell.path("bin")).unwrap();
    fs::create_dir(shell.path("www")).unwrap();
    fs::write(shell.path("www/index.html"), "welcome\n").unwrap();
}

fn program(shell: &Shell, name: &str, script: &str) {
    let path = shell.path("bin").join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    run("chmod", &["755", path.to_str().unwrap()]);
}

#[test]
fn nginx_refuses() {
    unshared("-rn", "nginx_refuses", || {
        let shell = Shell::new();
        network(&shell);
        let directory = shell.directory.path().display();
        // The line that the page tells.
        let line = "include /etc/nginx/bans.conf;";
        assert!(PAGE.contains(line));
        let line = line.replace("/etc/nginx", &directory.to_string());
        // Its own directories can't be given away in the namespace of an ordinary user.
        let own = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let own = own.map(|of| format!("{of}_temp_path {directory}/{of};\n"));
        let own = own.concat();
        let config = format!(
            "user root; daemon off; pid {directory}/pid; error_log {directory}/error;\n\
             events {{}}\n\
             http {{ access_log off; {line}\n{own}\
             server {{ listen 127.0.0.1:8000; listen [::1]:8000; root {directory}/www; }} }}\n"
        );
        fs::write(shell.path("nginx.conf"), config).unwrap();
        fs::write(shell.path("bans.conf"), "").unwrap();
        let nginx = format!("nginx -e {directory}/error -c {directory}/nginx.conf");
        if run("nginx", &["-v"]).is_none() {
            return;
        }
        program(
            &shell,
            "systemctl",
            &format!("[ \"$*\" = 'reload nginx' ] && {nginx} -t -q && {nginx} -s reload"),
        );
        let _server = Live::start(&shell, &format!("exec {nginx}"));
        wait_until("nginx listens", || {
            answer(&shell, CLIENTS[0], 8000) == "200"
        });
        let _keep = Live::start(&shell, &command(&shell, "reload nginx"));
        refuses(&shell, 8000);
        // The plain list, by the same server: the bans there begin with none.
        let list = command(&shell, "bans.txt '%s'").replace("/bans.txt", "/www/bans.txt");
        let _list = Live::start(&shell, &list);
        wait_until("an empty list", || shell.path("www/bans.txt").exists());
        shell.run("ban-ip --backend none --even-me --for 1h 192.0.2.0/24 2001:db8::9");
        let other = command(&shell, "curl -sSf")
            .replace("https://web1.example.org", "http://127.0.0.1:8000");
        let other = other.splitn(6, ' ').nth(5).unwrap().replace(
            "ban-ip --origin",
            "ban-ip --backend none --state-file other.db --origin",
        );
        wait_until("the other host bans by the list", || {
            let script = format!("cd {directory}; {other}; ban-ip --list --state-file other.db");
            shell.run(&script).addresses() == ["192.0.2.0/24", "2001:db8::9"]
        });
    });
}

#[test]
fn haproxy_refuses() {
    unshared("-rn", "haproxy_refuses", || {
        let shell = Shell::new();
        network(&shell);
        let directory = shell.directory.path().display();
        let line = "http-request deny if { src,map_ip(/etc/haproxy/bans.map) -m found }";
        assert!(PAGE.contains(line));
        let line = line.replace("/etc/haproxy", &directory.to_string());
        let config = format!(
            "defaults\n mode http\n timeout client 5s\n timeout connect 5s\n timeout server 5s\n\
             frontend all\n bind 127.0.0.1:8001\n bind [::1]:8001\n {line}\n \
             http-request return status 200\n"
        );
        fs::write(shell.path("haproxy.cfg"), config).unwrap();
        fs::write(shell.path("bans.map"), "").unwrap();
        if run("haproxy", &["-v"]).is_none() {
            return;
        }
        // The master starts a new process and lets the old one end, as the unit of Debian does.
        let haproxy = format!("haproxy -Ws -f {directory}/haproxy.cfg -p {directory}/pid");
        program(
            &shell,
            "systemctl",
            &format!(
                "[ \"$*\" = 'reload haproxy' ] && haproxy -c -q -f {directory}/haproxy.cfg && \
                 kill -USR2 $(cat {directory}/master)"
            ),
        );
        let _server = Live::start(
            &shell,
            &format!("echo $$ >{directory}/master; exec {haproxy}"),
        );
        wait_until("haproxy listens", || {
            answer(&shell, CLIENTS[0], 8001) == "200"
        });
        let _keep = Live::start(&shell, &command(&shell, "reload haproxy"));
        refuses(&shell, 8001);
    });
}

#[test]
fn abuseipdb_gets_the_evidence() {
    let shell = Shell::new();
    let directory = shell.directory.path().display();
    fs::create_dir(shell.path("bin")).unwrap();
    program(
        &shell,
        "curl",
        &format!(
            "echo \"$*\" >{directory}/words; cat >{directory}/part
             mv {directory}/part {directory}/csv"
        ),
    );
    let log = "for i in 1 2 3 4 5; do date \"+%b %e %T web9 sshd[1]: Failed password for root \
               from 203.0.113.7 port 9 ssh2\"; done";
    let script = command(&shell, "--format abuseipdb")
        .replace("follow-log --unit ssh", log)
        .replace("ban-ip --for 1h", "ban-ip --for 1h --backend none");
    let mut live = Live::start(&shell, &script);
    assert!(live.0.wait().unwrap().success());
    wait_until("a report", || shell.path("csv").exists());
    let csv = fs::read_to_string(shell.path("csv")).unwrap();
    let row = csv
        .strip_prefix("IP,Categories,ReportDate,Comment\n203.0.113.7,\"18,22\",")
        .unwrap();
    let comment = "5 events (sshd/failed): Failed password for root from 203.0.113.7 port 9 ssh2";
    assert!(row.ends_with(&format!(",\"{comment}\"\n")), "{csv}");
    let words = fs::read_to_string(shell.path("words")).unwrap();
    assert_eq!(words, format!("--config {directory}/abuseipdb.curl\n"));
}

/// mawk holds a live input back, and `stdbuf` changes nothing.
#[test]
fn mawk_holds_input_back() {
    let shell = Shell::new();
    if run("mawk", &["-W", "version"]).is_none() {
        return;
    }
    for (program, comes) in [
        ("mawk", false),
        ("stdbuf -i0 -oL mawk", false),
        ("mawk -W interactive", true),
    ] {
        // The input ends once it was seen, or goes on for ever.
        let _ = fs::remove_file(shell.path("out"));
        let directory = shell.directory.path().display();
        let script = format!(
            "mkfifo {directory}/in; exec 3<>{directory}/in; echo 203.0.113.7 >&3; \
             {program} '{{ print; fflush() }}' <{directory}/in >{directory}/out & \
             i=0; while [ ! -s {directory}/out ] && [ $i -lt 20 ]; do \
             i=$((i + 1)); sleep 0.1; done; \
             cat {directory}/out; kill $!; rm {directory}/in"
        );
        assert_eq!(
            shell.run(&script).out == "203.0.113.7\n",
            comes,
            "{program}"
        );
    }
}
