//! mail-ban in a shell with a sendmail that the test writes.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::common::{Outcome, Shell, feed};

/// A shell with a sendmail of its own, which runs this script; `$mail` names a new file for a mail.
pub struct Mailer {
    pub shell: Shell,
}

/// A sendmail that keeps the mail.
pub const KEEP: &str = "cat >$mail.part; mv $mail.part $mail";

impl Mailer {
    pub fn new(sendmail: &str) -> Self {
        let mailer = Mailer {
            shell: Shell::new(),
        };
        std::fs::create_dir(mailer.shell.path("bin")).unwrap();
        std::fs::create_dir(mailer.shell.path("mails")).unwrap();
        mailer.sendmail(sendmail);
        mailer
    }

    pub fn sendmail(&self, script: &str) {
        self.program_of_ours("sendmail", &format!("[ \"$*\" = -t ] || exit 64\n{script}"));
    }

    /// Makes a program that runs this script; answers its path.
    pub fn program_of_ours(&self, name: &str, script: &str) -> String {
        let new = self.shell.path("bin/new");
        let mails = self.shell.path("mails");
        let text = format!(
            "#!/bin/sh\nmail={}/$(date +%s%N)-$$\n{script}\n",
            mails.display()
        );
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
        // A script that is being run can't be written, but its name can be given to another.
        let path = self.shell.path(&format!("bin/{name}"));
        std::fs::rename(new, &path).unwrap();
        path.display().to_string()
    }

    pub fn script(&self, arguments: &str) -> String {
        let state = self.shell.path("state.db");
        let state = state.display();
        let to = if arguments.contains("--run ") {
            ""
        } else {
            "--to root "
        };
        format!("exec mail-ban {to}--state-file {state} {arguments}")
    }

    /// This program, with our sendmail before the tools.
    pub fn program(&self, program: &str) -> Command {
        let mut command = self.shell.command(program);
        let tools = command.get_envs().find(|(k, _)| *k == "PATH");
        let tools = tools.unwrap().1.unwrap().to_str().unwrap().to_owned();
        let path = format!("{}:{tools}", self.shell.path("bin").display());
        command.env("PATH", path);
        command
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = self.program("sh");
        command.args(["-c", &self.script(arguments)]);
        command
    }

    pub fn run(&self, arguments: &str, input: &[u8]) -> Outcome {
        feed(&mut self.command(arguments), input)
    }

    /// The same with an input that does not end before there was a complaint.
    pub fn run_until_a_complaint(&self, arguments: &str, input: &[u8]) -> Outcome {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input).unwrap();
        let mut complaints = BufReader::new(child.stderr.take().unwrap());
        let mut err = String::new();
        complaints.read_line(&mut err).unwrap();
        drop(stdin);
        complaints.read_to_string(&mut err).unwrap();
        let ended = Outcome::from(child.wait_with_output().unwrap());
        Outcome { err, ..ended }
    }

    /// The mails that have arrived, the oldest first.
    pub fn mails(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.shell.path("mails")).unwrap();
        let mut files: Vec<_> = files.map(|f| f.unwrap().path()).collect();
        files.retain(|f| f.extension().is_none());
        files.sort();
        let read = |f| String::from_utf8(std::fs::read(f).unwrap()).unwrap();
        files.into_iter().map(read).collect()
    }

    /// The process numbers of the deliveries from this outbox.
    pub fn deliveries(&self) -> Vec<i32> {
        let state = self.shell.path("state.db").into_os_string();
        let is_ours = |pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split(|b| *b == 0).map(<[u8]>::to_vec);
            words.any(|w| w == b"--deliver") && words.any(|w| w == state.as_encoded_bytes())
        };
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let numbers = processes.filter_map(|p| p.file_name().to_str()?.parse().ok());
        numbers.filter(is_ours).collect()
    }

    pub fn dismiss(&self) {
        for pid in self.deliveries() {
            let pid = nix::unistd::Pid::from_raw(pid);
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Drop for Mailer {
    fn drop(&mut self) {
        self.dismiss();
    }
}
