//! Asks whois (RFC 3912) about addresses: few at once, within a time, each network once a day.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::Command;
use std::thread::Builder;
use std::time::{Duration, Instant};

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::program::{self, Bounds, within};
use pipeban::time::Time;

use crate::arguments::{Server, Whois};
use crate::outbox::{Answer, Outbox};

/// The bounds of one question; of a server that floods, no more is read.
const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(5),
    output: 64 << 10,
};
/// The number of questions at once.
const AT_ONCE: usize = 3;
/// The part of an answer that is kept: it names the network and its owner near the top.
const LINES: usize = 40;
const LINE_BYTES: usize = 200;
/// The time for which an answer, or its absence, is not asked again.
const ANSWER_HOLDS: Duration = Duration::from_secs(24 * 60 * 60);
const SILENCE_HOLDS: Duration = Duration::from_secs(10 * 60);

/// The answers of whois for these addresses, as bytes that a stranger wrote; none for an address
/// where whois does not answer.
pub fn ask(
    source: &Whois,
    addresses: &[Address],
    outbox: &mut Outbox,
) -> Result<HashMap<Address, Vec<u8>>, Fault> {
    let mut answers = HashMap::new();
    if *source == Whois::None {
        return Ok(answers);
    }
    // One question for each network; the answer counts for all of it, whatever range it claims.
    let mut unknown: Vec<Address> = Vec::new();
    for address in addresses {
        let network = around(address);
        match outbox.whois(&network.to_string())? {
            Some(answer) if is_fresh(&answer) => {
                answers.extend(answer.text.map(|text| (network, text)));
            }
            _ if unknown.iter().any(|a| around(a) == network) => {}
            _ => unknown.push(*address),
        }
    }
    for few in unknown.chunks(AT_ONCE) {
        let questions: Vec<_> = few
            .iter()
            .map(|address| {
                let (source, query) = (source.clone(), address.ip().to_string());
                Builder::new().spawn(move || question(source, query))
            })
            .collect();
        for (address, question) in few.iter().zip(questions) {
            // Without a thread nobody was asked, which is as if nobody had answered.
            let answered = question.ok().and_then(|asked| asked.join().ok());
            let answer = answered.and_then(Result::ok);
            let text = answer
                .map(|raw| excerpt(&raw))
                .filter(|text| !text.is_empty());
            let network = around(address);
            outbox.keep_whois(&network.to_string(), text.as_deref())?;
            answers.extend(text.map(|text| (network, text)));
        }
    }
    let known = |address: &Address| Some((*address, answers.get(&around(address))?.clone()));
    Ok(addresses.iter().filter_map(known).collect())
}

/// The network that shares an answer: the smallest that is routed by itself in the Internet.
fn around(address: &Address) -> Address {
    address.widen(if address.is_ipv4() { 24 } else { 48 })
}

fn is_fresh(answer: &Answer) -> bool {
    let holds = match answer.text {
        Some(_) => ANSWER_HOLDS,
        None => SILENCE_HOLDS,
    };
    let now = Time::now();
    answer.asked <= now && now.since(answer.asked) < holds
}

fn question(source: Whois, query: String) -> io::Result<Vec<u8>> {
    match source {
        Whois::Program => {
            // The text of an address begins with a digit, a letter a to f or a colon: it is never
            // an option.
            let mut command = Command::new("whois");
            program::run(command.arg(query), b"", &BOUNDS).map(|(_, output)| output)
        }
        // The system looks names up, with time-outs of its own.
        Whois::Server(server) => within(BOUNDS.time * 2, move || ask_server(&server, &query)),
        Whois::None => Ok(vec![]),
    }
}

fn ask_server(server: &Server, query: &str) -> io::Result<Vec<u8>> {
    let mut last = io::ErrorKind::NotFound.into();
    for address in (server.host.as_str(), server.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, BOUNDS.time) {
            Ok(stream) => return converse(stream, query),
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn converse(mut stream: TcpStream, query: &str) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + BOUNDS.time;
    stream.set_write_timeout(Some(BOUNDS.time))?;
    stream.write_all(format!("{query}\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut block = [0; 4096];
    while answer.len() < BOUNDS.output {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut block) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&block[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // The text before a failure is an answer too.
            Err(_) => break,
        }
    }
    Ok(answer)
}

/// The first lines that are neither blank nor comments.
fn excerpt(answer: &[u8]) -> Vec<u8> {
    let lines = answer.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
    let lines = lines.filter(|line| !matches!(line.first(), None | Some(b'%' | b'#')));
    let cut = lines.map(|line| &line[..line.len().min(LINE_BYTES)]);
    cut.take(LINES).collect::<Vec<_>>().join(&b'\n')
}
