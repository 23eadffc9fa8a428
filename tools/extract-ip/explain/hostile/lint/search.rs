//! The search for a line that the service may write for one address, and in which the pattern names
//! another: all such lines at once, the shortest first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::super::attempt::{OWN, VICTIM};
use super::alphabet::{Alphabet, Edge};
use super::machine::{Found, Kind, Machine, holds};
use super::nfa::{Nfa, State};

/// More nodes than this are too many.
const MAX_NODES: usize = 60_000;
/// Lines that the pattern itself is tried on, at most.
const MAX_LINES: usize = 300;

/// The mark that stands for an address where a pattern is searched (see `matcher::pattern`).
const MARK: &[u8] = b"0\xff0";

/// The way in which the addresses of a line are seen.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum View {
    /// Each may be the one that is named, and the pattern's preference decides.
    Both,
    /// Each alone: the other is a text like any.
    EachAlone,
}

/// A symbol of a line.
#[derive(Clone, Copy)]
pub(super) enum Symbol {
    Byte(u8),
    Own,
    Victim,
}

/// A symbol, and whether the remote party wrote it.
pub(super) type Written = (Symbol, bool);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Node {
    /// The state of the service's own automaton.
    service: usize,
    /// The states of the searches.
    machines: [usize; 2],
    before: Option<Kind>,
    edge: Edge,
    /// Whether the own address is written, and the other: once is enough.
    own: bool,
    victim: bool,
    /// Whether an address stands beside a byte that may hide it.
    loose: bool,
}

/// The result of a search.
pub(super) enum Outcome {
    Found(Vec<Written>),
    Nothing,
    TooLarge,
}

/// A state of the service, and the kinds of the bytes before and behind.
type Place = (usize, Option<Kind>, Option<Kind>);

/// A search.
pub(super) struct Search<'a> {
    pub(super) service: &'a Nfa,
    pub(super) machines: &'a mut [Machine; 2],
    pub(super) alphabet: &'a Alphabet,
    pub(super) view: View,
    /// The states that wait for a symbol, and whether the line may end, of places already seen.
    closed: HashMap<Place, (Rc<[usize]>, bool)>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        service: &'a Nfa,
        machines: &'a mut [Machine; 2],
        alphabet: &'a Alphabet,
        view: View,
    ) -> Search<'a> {
        Search {
            service,
            machines,
            alphabet,
            view,
            closed: HashMap::new(),
        }
    }

    /// Searches; `takes` says whether the pattern itself names the other address in a line.
    pub(super) fn run(&mut self, mut takes: impl FnMut(&[Written]) -> bool) -> Outcome {
        let start = Node {
            service: self.service.start,
            machines: [0, 1].map(|i| self.machines[i].start()),
            before: None,
            edge: Edge::Good,
            own: false,
            victim: false,
            loose: false,
        };
        let mut seen = HashSet::from([start]);
        let mut nodes: Vec<(Node, usize, Written)> = vec![(start, 0, (Symbol::Own, false))];
        let mut queue = VecDeque::from([0]);
        let mut tried = 0;
        while let Some(at) = queue.pop_front() {
            let node = nodes[at].0;
            if self.is_hostile(&node) {
                let line = path(&nodes, at);
                tried += 1;
                if takes(&line) {
                    return Outcome::Found(line);
                }
                if tried >= MAX_LINES {
                    return Outcome::TooLarge;
                }
            }
            for (symbol, next) in self.successors(&node) {
                if seen.insert(next) {
                    nodes.push((next, at, symbol));
                    queue.push_back(nodes.len() - 1);
                }
            }
            if nodes.len() > MAX_NODES || self.machines.iter().any(Machine::is_too_large) {
                return Outcome::TooLarge;
            }
        }
        Outcome::Nothing
    }

    /// Whether the line may end here, and names the other address.
    fn is_hostile(&mut self, node: &Node) -> bool {
        let [first, second] = [0, 1].map(|i| self.machines[i].end(node.machines[i]));
        let names = first == Found::Victim && (self.view == View::Both || second != Found::Own);
        names && node.own && self.close(node, None).1
    }

    fn successors(&mut self, node: &Node) -> Vec<(Written, Node)> {
        let mut all = Vec::new();
        let alphabet = self.alphabet;
        let states = [Kind::Word, Kind::Other].map(|kind| self.close(node, Some(kind)).0);
        for byte in alphabet.bytes.iter().copied() {
            let (edge, is_loose) = alphabet.behind(node.edge, byte);
            let Some(edge) = edge else { continue };
            let states = &states[usize::from(Kind::of(byte) == Kind::Other)];
            for (next, is_free) in self.by_byte(states, byte) {
                let machines = [0, 1].map(|i| match (i, self.view) {
                    (1, View::Both) => 0,
                    _ => self.machines[i].step(node.machines[i], byte),
                });
                let next = Node {
                    service: next,
                    machines,
                    before: Some(Kind::of(byte)),
                    edge,
                    loose: node.loose || is_loose,
                    ..*node
                };
                all.push(((Symbol::Byte(byte), is_free), next));
            }
        }
        if node.edge == Edge::Bad || node.edge == Edge::Address {
            return all;
        }
        let loose = node.loose || node.edge == Edge::Loose;
        for state in states[0].iter() {
            let (symbol, next) = match &self.service.states[*state] {
                State::Address(next) => ((Symbol::Own, false), *next),
                _ if node.victim => continue,
                State::Free(next) => ((Symbol::Victim, true), *next),
                State::Byte {
                    holds_address: true,
                    set,
                    next,
                } if VICTIM
                    .iter()
                    .all(|b| self.service.sets[*set][usize::from(*b)]) =>
                {
                    ((Symbol::Victim, true), *next)
                }
                _ => continue,
            };
            let machines = [0, 1].map(|i| match (i, self.view) {
                (1, View::Both) => 0,
                _ => self.by_address(i, node.machines[i], symbol.0),
            });
            let next = Node {
                service: next,
                machines,
                before: Some(Kind::Word),
                edge: Edge::Address,
                own: node.own || !symbol.1,
                victim: node.victim || symbol.1,
                loose,
            };
            all.push((symbol, next));
        }
        all
    }

    fn by_address(&mut self, machine: usize, state: usize, symbol: Symbol) -> usize {
        let (found, text) = match (symbol, self.view, machine) {
            (Symbol::Own, View::Both, _) | (Symbol::Own, View::EachAlone, 1) => {
                (Some(Found::Own), MARK)
            }
            (Symbol::Victim, View::Both, _) | (Symbol::Victim, View::EachAlone, 0) => {
                (Some(Found::Victim), MARK)
            }
            (Symbol::Own, ..) => (None, OWN),
            _ => (None, VICTIM),
        };
        self.machines[machine].step_address(state, found, text)
    }

    /// The states of the service behind a byte, and whether the remote party wrote that.
    fn by_byte(&self, states: &[usize], byte: u8) -> Vec<(usize, bool)> {
        let next = states
            .iter()
            .filter_map(|state| match &self.service.states[*state] {
                State::Free(next) => Some((*next, true)),
                State::Byte {
                    set,
                    next,
                    holds_address,
                } => self.service.sets[*set][usize::from(byte)].then_some((*next, *holds_address)),
                _ => None,
            });
        next.collect()
    }

    /// The states of the service that wait for a symbol, and whether the line may end.
    fn close(&mut self, node: &Node, next: Option<Kind>) -> (Rc<[usize]>, bool) {
        let place = (node.service, node.before, next);
        if let Some(known) = self.closed.get(&place) {
            return known.clone();
        }
        let mut seen = vec![false; self.service.states.len()];
        let (mut out, mut ends) = (Vec::new(), false);
        let mut stack = vec![node.service];
        while let Some(state) = stack.pop() {
            if std::mem::replace(&mut seen[state], true) {
                continue;
            }
            match &self.service.states[state] {
                State::Byte { .. } | State::Free(_) | State::Address(_) => out.push(state),
                State::Split(branches) => stack.extend(branches.iter().rev()),
                State::Look(look, to) if holds(*look, node.before, next) => stack.push(*to),
                State::Look(..) => {}
                State::Match => ends = next.is_none(),
            }
        }
        let states: Rc<[usize]> = out.into();
        self.closed.insert(place, (states.clone(), ends));
        (states, ends)
    }
}

/// The symbols from the beginning to this node.
fn path(nodes: &[(Node, usize, Written)], mut at: usize) -> Vec<Written> {
    let mut line = Vec::new();
    while at != 0 {
        let (_, before, written) = &nodes[at];
        line.push(*written);
        at = *before;
    }
    line.reverse();
    line
}
