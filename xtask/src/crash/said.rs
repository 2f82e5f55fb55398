//! What the child says, line by line. The engine's example `writers` documents it.

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Begin { pid: u32 },
    Found { thread: usize, number: u64 },
    Ready,
    Ack { thread: usize, number: u64, seqno: u64, synced: bool },
    Refused { thread: usize, number: u64, why: String },
    Unreadable { why: String },
    Full { health: String },
    Again,
    End { health: String },
    Verified,
    Unclear(String),
}

impl Said {
    /// Reads one line.
    pub(super) fn parse(line: &str) -> Self {
        Self::words(line).unwrap_or_else(|| Self::Unclear(line.to_owned()))
    }

    fn words(line: &str) -> Option<Self> {
        if let Some(why) = line.strip_prefix("unreadable ") {
            return Some(Self::Unreadable { why: why.to_owned() });
        }
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        Some(match words[..] {
            ["begin", pid] => Self::Begin { pid: pid.parse().ok()? },
            ["found", thread, number] => {
                Self::Found { thread: thread.parse().ok()?, number: number.parse().ok()? }
            }
            ["ready"] => Self::Ready,
            ["ack", thread, number, rest] => {
                let (seqno, how) = rest.split_once(' ')?;
                Self::Ack {
                    thread: thread.parse().ok()?,
                    number: number.parse().ok()?,
                    seqno: seqno.parse().ok()?,
                    synced: match how {
                        "sync" => true,
                        "buffered" => false,
                        _ => return None,
                    },
                }
            }
            ["refused", thread, number, why] => Self::Refused {
                thread: thread.parse().ok()?,
                number: number.parse().ok()?,
                why: why.to_owned(),
            },
            ["full", health] => Self::Full { health: health.to_owned() },
            ["again"] => Self::Again,
            ["end", health] => Self::End { health: health.to_owned() },
            ["verified", _, _] => Self::Verified,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_whole_or_not_at_all() {
        let ack = Said::Ack { thread: 3, number: 17, seqno: 204, synced: true };
        assert_eq!(Said::parse("ack 3 17 204 sync"), ack);
        for half in ["ack 3 17 204 syn", "ack 3 17 204", "ack 3 1", "found 2", "beg", ""] {
            assert_eq!(Said::parse(half), Said::Unclear(half.to_owned()));
        }
        let why = "the database takes no writes: f: write: no space".to_owned();
        let refused = Said::Refused { thread: 0, number: 9, why: why.clone() };
        assert_eq!(Said::parse(&format!("refused 0 9 {why}")), refused);
    }
}
