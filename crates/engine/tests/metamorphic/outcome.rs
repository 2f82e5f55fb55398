//! What an op answered, as data that can be compared between options and with the oracle.

use siltstone::Error;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);
/// All keyspaces by name.
pub(crate) type State = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// An answer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// What it was about is not there.
    Skipped,
    Done,
    Seqno(u64),
    Flag(bool),
    /// Length of a value.
    Length(Option<u64>),
    Value(Option<Vec<u8>>),
    Keys(Vec<Vec<u8>>),
    Pairs(Vec<Pair>),
    /// Where each move of a cursor led.
    Moves(Vec<Option<Pair>>),
    /// What a held scan gave, and whether an error ended it.
    Taken(Vec<Option<Pair>>, Option<&'static str>),
    Names(Vec<String>),
    State(State),
    /// Kinds of the errors of several calls; `"none"` for one that succeeded.
    Errors(Vec<&'static str>),
    Failed(&'static str),
    /// The database contradicts itself.
    Contradiction(String),
}

impl Outcome {
    /// A number that differs, almost certainly, if the outcome differs.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// The kind of an error, the same for all options.
pub(crate) const fn kind(error: &Error) -> &'static str {
    match error {
        Error::Corrupt { .. } => "corrupt",
        Error::Unsupported { .. } => "unsupported",
        Error::Io { .. } => "io",
        Error::Locked { .. } => "locked",
        Error::NotFound { .. } => "not found",
        Error::NotEmpty { .. } => "not empty",
        Error::TooLarge { .. } => "too large",
        Error::InvalidOption { .. } => "invalid option",
        Error::InvalidName { .. } => "invalid name",
        Error::KeyspaceDropped => "keyspace dropped",
        Error::ForeignHandle => "foreign handle",
        Error::Closed => "closed",
        Error::OpenedReadOnly => "opened read-only",
        Error::Busy { .. } => "busy",
        Error::Stopped { .. } => "stopped",
        Error::IllegalPlan { .. } => "illegal plan",
        _ => "another",
    }
}

/// Enough of some bytes to tell them apart by eye.
pub(crate) fn short(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(24)];
    let more = if shown.len() < bytes.len() { ".." } else { "" };
    format!("{}{more} ({})", shown.escape_ascii(), bytes.len())
}

fn short_pair((key, value): &Pair) -> String {
    format!("{} = {}", short(key), short(value))
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moves = |moves: &[Option<Pair>]| -> Vec<Option<String>> {
            moves.iter().map(|pair| pair.as_ref().map(short_pair)).collect()
        };
        match self {
            Self::Skipped => f.write_str("skipped"),
            Self::Done => f.write_str("done"),
            Self::Seqno(seqno) => write!(f, "seqno {seqno}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Length(bytes) => write!(f, "length {bytes:?}"),
            Self::Value(value) => write!(f, "value {:?}", value.as_deref().map(short)),
            Self::Keys(keys) => {
                write!(f, "{:?}", keys.iter().map(|key| short(key)).collect::<Vec<_>>())
            }
            Self::Pairs(pairs) => {
                write!(f, "{:?}", pairs.iter().map(short_pair).collect::<Vec<_>>())
            }
            Self::Moves(to) => write!(f, "moves {:?}", moves(to)),
            Self::Taken(taken, error) => write!(f, "taken {:?}, {error:?}", moves(taken)),
            Self::Names(names) => write!(f, "{names:?}"),
            Self::State(state) => {
                let sizes = state.iter().map(|(name, map)| (name, map.len()));
                write!(f, "a state of {:?}", sizes.collect::<Vec<_>>())
            }
            Self::Errors(kinds) => write!(f, "errors {kinds:?}"),
            Self::Failed(kind) => write!(f, "failed: {kind}"),
            Self::Contradiction(why) => write!(f, "contradiction: {why}"),
        }
    }
}

/// What differs between two answers, in a line or a few.
pub(crate) fn difference(found: &Outcome, wanted: &Outcome) -> String {
    match (found, wanted) {
        (Outcome::State(found), Outcome::State(wanted)) => state_difference(found, wanted),
        (Outcome::Pairs(found), Outcome::Pairs(wanted)) => {
            let at = found.iter().zip(wanted).take_while(|(found, wanted)| found == wanted).count();
            let (found_pair, wanted_pair) = (found.get(at), wanted.get(at));
            format!(
                "{} pairs, should be {}; pair {at} is {:?}, should be {:?}",
                found.len(),
                wanted.len(),
                found_pair.map(short_pair),
                wanted_pair.map(short_pair)
            )
        }
        _ => format!("found {found:?}, should be {wanted:?}"),
    }
}

/// The first keys whose values differ.
pub(crate) fn state_difference(found: &State, wanted: &State) -> String {
    if !found.keys().eq(wanted.keys()) {
        return format!("keyspaces {:?}, should be {:?}", found.keys(), wanted.keys());
    }
    let mut differences = Vec::new();
    for (name, map) in found {
        let mut keys: Vec<_> = map.keys().chain(wanted[name].keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys.into_iter().filter(|&key| map.get(key) != wanted[name].get(key)) {
            let text = |value: Option<&Vec<u8>>| value.map(|value| short(value));
            let (found, wanted) = (text(map.get(key)), text(wanted[name].get(key)));
            differences.push(format!("{name} {}: {found:?}, should be {wanted:?}", short(key)));
        }
    }
    let count = differences.len();
    differences.truncate(6);
    format!("{count} keys differ: {}", differences.join("; "))
}
