//! Servers on loopback, for the tests: SMTP, and whois in the hands of a test.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server of SMTP that takes every mail; answers its port and the mails as they came.
pub fn smtp_server() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Arc::new(Mutex::new(vec![]));
    let kept = mails.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, kept) = (stream.unwrap(), kept.clone());
            thread::spawn(move || _ = serve_smtp(stream, &kept));
        }
    });
    (port, mails)
}

fn serve_smtp(mut stream: TcpStream, mails: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    stream.write_all(b"220 test\r\n")?;
    let mut session = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        session += &line;
        if line == "DATA\r\n" {
            stream.write_all(b"354 go\r\n")?;
            while !line.is_empty() && line != ".\r\n" {
                line.clear();
                lines.read_line(&mut line)?;
                session += &line;
            }
            mails.lock().unwrap().push(std::mem::take(&mut session));
        }
        stream.write_all(b"250 ok\r\n")?;
    }
}

/// A server of whois on a port of its own, which answers by `answer`.
pub fn whois_server(answer: impl Fn(TcpStream, String) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answer) = (stream.unwrap(), answer.clone());
            thread::spawn(move || {
                let mut query = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                reader.read_line(&mut query).unwrap();
                answer(stream, query);
            });
        }
    });
    port
}
