//! Replays beside a writer at work, in the boot in which it writes, as a read-only open does: what
//! was acknowledged before is found, in order and whole, or the replay says that it cannot tell.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{DATABASE, Log, index, path, record};
use proptest::collection::vec;
use proptest::prelude::*;
use siltstone_vfs::{Map, ReadFile, Vfs};
use siltstone_wal::{
    Error, LogEnd, LogKind, ReplayContext, ReplayError, SegmentFile, SegmentId, replay,
};
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// What the writer does between two reads of the reader.
#[derive(Clone, Copy, Debug)]
enum Step {
    Append(usize),
    Sync,
    Rotate,
    /// The next read of the reader meets this record while it is being written: of its bytes, this
    /// part in 256 is there, from the start or up to the end.
    Half {
        bytes: usize,
        part: u8,
        from_start: bool,
    },
}

/// A log that is written while it is read.
struct Writing {
    log: Log,
    steps: std::vec::IntoIter<Step>,
    tried: Vec<Vec<u8>>,
    acknowledged: usize,
}

impl Writing {
    fn new(steps: Vec<Step>) -> Self {
        Self { log: Log::new(), steps: steps.into_iter(), tried: Vec::new(), acknowledged: 0 }
    }

    /// Goes on by a step; gives what the reader must not see yet: a segment and bytes of it.
    fn go_on(&mut self) -> Option<(SegmentId, Range<u64>)> {
        let (bytes, hides) = match self.steps.next()? {
            Step::Append(bytes) => (bytes, None),
            Step::Half { bytes, part, from_start } => (bytes, Some((part, from_start))),
            Step::Sync => {
                self.log.sync().unwrap();
                return None;
            }
            Step::Rotate => {
                self.log.rotate().unwrap();
                return None;
            }
        };
        let mut payload = u32::try_from(self.tried.len()).unwrap().to_le_bytes().to_vec();
        payload.resize(4 + bytes, 0x5a);
        self.tried.push(payload.clone());
        let begin = self.log.writer().end();
        self.log.append("x", &payload).unwrap();
        let (segment, end) = (self.log.writer().segment(), self.log.writer().end());
        if hides.is_none() {
            self.acknowledged = self.tried.len();
        }
        hides.map(|(part, from_start)| {
            let there = (end - begin) * u64::from(part) / 256;
            (segment, if from_start { begin + there..end } else { begin..end - there })
        })
    }
}

/// A file of the log; each read of it lets the writer go on first.
struct Watched {
    id: SegmentId,
    file: Arc<dyn ReadFile>,
    writing: Arc<Mutex<Writing>>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watched({})", self.id)
    }
}

impl ReadFile for Watched {
    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let hidden = self.writing.lock().unwrap().go_on();
        let read = self.file.read_at(buffer, offset)?;
        if let Some((segment, hidden)) = hidden
            && segment == self.id
        {
            for (at, byte) in (offset..).zip(&mut buffer[..read]) {
                if hidden.contains(&at) {
                    *byte = 0;
                }
            }
        }
        Ok(read)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        Ok(None)
    }
}

/// Replays once beside the writer; gives how many records were found, or `None` if the replay
/// could not tell.
fn look(writing: &Arc<Mutex<Writing>>, boot_id: u128) -> Option<usize> {
    let (files, owed) = {
        let writing = writing.lock().unwrap();
        (writing.log.files(), writing.acknowledged)
    };
    let watched = |SegmentFile { id, file, cut }| {
        let file = Arc::new(Watched { id, file, writing: Arc::clone(writing) });
        SegmentFile { id, file, cut }
    };
    let files: Vec<_> = files.into_iter().map(watched).collect();
    let context = ReplayContext { kind: LogKind::Log, database: DATABASE, boot_id, durable: None };
    let mut found = Vec::new();
    let replayed = replay(&files, &context, |record| {
        found.push(record.payload.to_vec());
        Ok::<(), ()>(())
    });
    let writing = writing.lock().unwrap();
    match replayed {
        Ok(replayed) => {
            assert!(found.len() >= owed, "{owed} of {} are owed", found.len());
            assert_eq!(found, writing.tried[..found.len()]);
            assert!(replayed.dropped_segments.is_empty(), "{:?}", replayed.dropped_segments);
            Some(found.len())
        }
        Err(ReplayError::Log(Error::Corrupt { corruption, .. })) => {
            assert!(writing.tried.len() > owed, "nobody wrote meanwhile: {corruption}");
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || prop_oneof![3 => 0..400_usize, 1 => 100_000..900_000_usize];
    let half = (bytes(), any::<u8>(), any::<bool>());
    prop_oneof![
        6 => bytes().prop_map(Step::Append),
        1 => Just(Step::Sync),
        1 => Just(Step::Rotate),
        4 => half.prop_map(|(bytes, part, from_start)| Step::Half { bytes, part, from_start }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_reader_beside_a_writer_sees_what_was_acknowledged_and_nothing_out_of_order(
        before in vec(step(), 0..12),
        during in vec(step(), 0..24),
        boot_id in 0..2_u128,
    ) {
        let steps = before.iter().chain(&during).copied().collect();
        let writing = Arc::new(Mutex::new(Writing::new(steps)));
        for _ in &before {
            let mut writing = writing.lock().unwrap();
            writing.go_on();
            // Nobody looked while it was half there.
            writing.acknowledged = writing.tried.len();
        }
        let mut rounds = 0;
        while writing.lock().unwrap().steps.len() > 0 {
            look(&writing, boot_id);
            let mut writing = writing.lock().unwrap();
            writing.acknowledged = writing.tried.len();
            rounds += 1;
            prop_assert!(rounds < 100, "a replay reads something");
        }
        let all = writing.lock().unwrap().tried.len();
        prop_assert_eq!(look(&writing, boot_id), Some(all), "the writer rests");
    }
}

/// The end of a log of which the reader sees only some bytes of the last record.
#[test]
fn a_half_written_last_record_is_left_out() {
    let whole = Log::drawn("a ! b c");
    let (segment, offset, bytes) = whole.places["c"];
    let id = SegmentId(segment);
    let place = index(offset)..index(offset + bytes);
    for there in 0..=index(bytes) {
        for from_start in [true, false] {
            let log = whole.found_in(whole.vfs.process_death());
            log.change(id, |file| {
                let hidden = if from_start {
                    place.start + there..place.end
                } else {
                    place.start..place.end - there
                };
                file[hidden].fill(0);
            });
            let read = |log: &Log| log.vfs.read(path(id)).unwrap();
            let seen = read(&log)[place.clone()].to_vec();
            let expected = if seen == read(&whole)[place.clone()] {
                "abc"
            } else if seen.iter().all(|byte| *byte == 0) {
                "ab"
            } else {
                "ab torn c"
            };
            assert_eq!(log.outcome(1), expected, "{there} bytes, from the start: {from_start}");
        }
    }
}

#[test]
fn space_that_is_allocated_ahead_is_no_torn_tail() {
    for more in [8, 1 << 20, (1 << 20) - 2048 - 1536, 3 << 20] {
        let log = Log::drawn("a b");
        log.change(SegmentId(1), |file| file.resize(file.len() + more, 0));
        let (payloads, replayed) = log.replay().unwrap();
        assert_eq!(payloads, [record("a"), record("b")]);
        assert_eq!((replayed.end, replayed.torn_bytes), (LogEnd::Clean, 0), "{more}");
    }
}

/// The reader knows only segment 1; the writer fills it, goes on in segment 2 and frees 1.
#[test]
fn a_segment_that_is_left_behind_while_it_is_read_ends_clean() {
    let large = 900_000;
    let mut steps = vec![Step::Append(large); 4];
    steps.extend([Step::Rotate, Step::Append(5), Step::Sync]);
    let writing = Arc::new(Mutex::new(Writing::new(steps)));
    for _ in 0..3 {
        writing.lock().unwrap().go_on();
    }
    assert_eq!(look(&writing, 1), Some(4), "one came while the header was read");
    let mut left = writing.lock().unwrap();
    while left.steps.len() > 0 {
        left.go_on();
    }
    left.log.vfs.unlink(&path(SegmentId(1))).unwrap();
    left.log.named.remove(&SegmentId(1));
    let (payloads, _) = left.log.replay().unwrap();
    assert_eq!(payloads, left.tried[4..]);
}
