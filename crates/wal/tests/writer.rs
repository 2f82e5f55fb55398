//! What the writer writes, in which order, and that it stops for good after a failure.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{Log, RECORDS_OFFSET, birth};
use siltstone_vfs::LogWindow;
use siltstone_wal::{Error, LogWriter, SegmentId};
use std::io;
use std::sync::{Arc, Mutex};

/// What a window was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Allocate(u64),
    Write(u64, u64),
    Sync,
}

/// A window that notes each call with its own name, and fails from one of them on.
#[derive(Debug)]
struct Witness {
    name: char,
    calls: Arc<Mutex<Vec<(char, Call)>>>,
    calls_max: usize,
}

impl Witness {
    fn note(&self, call: Call) -> io::Result<()> {
        let mut calls = self.calls.lock().unwrap();
        calls.push((self.name, call));
        if calls.len() > self.calls_max { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl LogWindow for Witness {
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.note(Call::Allocate(bytes))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.note(Call::Write(offset, bytes.len() as u64))
    }

    fn sync(&self) -> io::Result<()> {
        self.note(Call::Sync)
    }
}

/// A machine whose disk fails after some calls.
#[derive(Debug)]
struct Machine {
    calls: Arc<Mutex<Vec<(char, Call)>>>,
    calls_max: usize,
}

impl Machine {
    fn new(calls_max: usize) -> Self {
        Self { calls: Arc::default(), calls_max }
    }

    fn window(&self, name: char) -> Arc<dyn LogWindow> {
        Arc::new(Witness { name, calls: Arc::clone(&self.calls), calls_max: self.calls_max })
    }

    fn writer(&self) -> Result<LogWriter, Error> {
        LogWriter::create(self.window('1'), birth(SegmentId(1), 1), None, 4096)
    }

    fn calls(&self) -> Vec<(char, Call)> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

#[test]
fn a_new_segment_is_allocated_written_and_synced() {
    let machine = Machine::new(99);
    let writer = machine.writer().unwrap();
    let expected = [Call::Allocate(4096), Call::Write(0, 128), Call::Sync];
    assert_eq!(machine.calls(), expected.map(|call| ('1', call)));
    assert_eq!(
        (writer.end(), writer.position(), writer.records()),
        (RECORDS_OFFSET, RECORDS_OFFSET, 0)
    );
    assert_eq!((writer.segment(), writer.synced_position()), (SegmentId(1), 0));
}

#[test]
fn a_record_is_one_write_padded_to_eight() {
    let machine = Machine::new(99);
    let mut writer = machine.writer().unwrap();
    machine.calls();
    assert_eq!(writer.append(&[b"ab", b"", b"cde"]).unwrap(), 1536);
    assert_eq!(writer.append(&[]).unwrap(), 1568);
    assert_eq!(machine.calls(), [('1', Call::Write(1536, 32)), ('1', Call::Write(1568, 24))]);
    assert_eq!((writer.end(), writer.records()), (1592, 2));
}

#[test]
fn a_sync_leaves_a_beacon_and_only_once() {
    let machine = Machine::new(99);
    let mut writer = machine.writer().unwrap();
    machine.calls();
    writer.sync().unwrap();
    assert_eq!(machine.calls(), [], "nothing was appended");
    writer.append(&[b"12345678"]).unwrap();
    writer.sync().unwrap();
    writer.sync().unwrap();
    let write = |offset, bytes| ('1', Call::Write(offset, bytes));
    assert_eq!(machine.calls(), [write(1536, 32), ('1', Call::Sync), write(1568, 24)]);
    assert_eq!((writer.synced_position(), writer.end(), writer.records()), (1568, 1592, 1));
}

#[test]
fn closing_makes_the_beacon_durable_too() {
    let machine = Machine::new(99);
    let mut writer = machine.writer().unwrap();
    writer.append(&[b"12345678"]).unwrap();
    machine.calls();
    writer.close().unwrap();
    let synced = ('1', Call::Sync);
    assert_eq!(machine.calls(), [synced, ('1', Call::Write(1568, 24)), synced]);
}

#[test]
fn a_sync_makes_the_segments_before_durable_first() {
    let machine = Machine::new(99);
    let mut first = machine.writer().unwrap();
    first.append(&[b"a"]).unwrap();
    let second = machine.window('2');
    let second = LogWriter::create(second, birth(SegmentId(2), 1), Some(first.seal()), 4096);
    let third = machine.window('3');
    let before = second.unwrap().seal();
    let mut third = LogWriter::create(third, birth(SegmentId(3), 1), Some(before), 4096).unwrap();
    machine.calls();
    assert_eq!(third.append(&[b"c"]).unwrap(), RECORDS_OFFSET + 56, "behind the link");
    third.sync().unwrap();
    // Segment 2 has a header alone, which was synced when it was made.
    let calls = [
        ('3', Call::Write(1536, 56 + 32)),
        ('1', Call::Sync),
        ('3', Call::Sync),
        ('3', Call::Write(1624, 24)),
    ];
    assert_eq!(machine.calls(), calls);
    third.append(&[b"d"]).unwrap();
    third.sync().unwrap();
    assert!(!machine.calls().contains(&('1', Call::Sync)), "once is enough");
}

#[test]
fn a_beacon_that_is_not_durable_is_synced_with_the_successor() {
    let machine = Machine::new(99);
    let mut first = machine.writer().unwrap();
    first.append(&[b"a"]).unwrap();
    first.sync().unwrap();
    let second = machine.window('2');
    let before = Some(first.seal());
    let mut second = LogWriter::create(second, birth(SegmentId(2), 1), before, 4096).unwrap();
    machine.calls();
    second.sync().unwrap();
    // The successor links to the beacon, so the beacon must be there too.
    let calls = [('1', Call::Sync), ('2', Call::Sync), ('2', Call::Write(1536, 56 + 24))];
    assert_eq!(machine.calls(), calls);
}

#[test]
fn the_window_grows_ahead_and_never_by_more_than_eight_mebibytes() {
    let machine = Machine::new(1 << 20);
    let mut writer = machine.writer().unwrap();
    let payload = vec![1; 100_000];
    for _ in 0..400 {
        writer.append(&[&payload]).unwrap();
    }
    let mut allocated = Vec::new();
    for (_, call) in machine.calls() {
        match call {
            Call::Allocate(bytes) => allocated.push(bytes),
            Call::Write(offset, bytes) => assert!(offset + bytes <= *allocated.last().unwrap()),
            Call::Sync => {}
        }
    }
    assert!(allocated.len() < 20, "{allocated:?}");
    for grown in allocated.windows(2) {
        let step = grown[1] - grown[0];
        assert!(step <= (8 << 20).min(grown[0].max(104_000)), "{allocated:?}");
    }
    writer.append(&[&vec![1; 20 << 20]]).unwrap();
}

#[test]
fn after_a_failure_nothing_is_ever_written_or_synced_again() {
    // Header: 3 calls; append: 1; sync: 2; append of much: 2.
    for calls_max in 3..8 {
        let machine = Machine::new(calls_max);
        let mut writer = machine.writer().unwrap();
        let large = vec![1; 8192];
        let done = writer
            .append(&[b"a"])
            .and_then(|_| writer.sync())
            .and_then(|()| writer.append(&[&large]));
        let Err(Error::Io { segment, source, .. }) = done else { panic!("{done:?}") };
        assert_eq!((segment, source.kind()), (SegmentId(1), io::ErrorKind::StorageFull));
        assert!(writer.failed());
        assert_eq!(machine.calls().len(), calls_max + 1);
        assert!(matches!(writer.append(&[b"b"]), Err(Error::Failed)));
        assert!(matches!(writer.sync(), Err(Error::Failed)));
        assert!(matches!(writer.close(), Err(Error::Failed)));
        let second = machine.window('2');
        let before = Some(writer.seal());
        let second = LogWriter::create(second, birth(SegmentId(2), 1), before, 4096);
        assert!(matches!(second, Err(Error::Failed)));
        assert_eq!(machine.calls(), [], "{calls_max}");
    }
}

#[test]
fn a_failed_sync_of_a_segment_before_fails_the_log() {
    let machine = Machine::new(8);
    let mut first = machine.writer().unwrap();
    first.append(&[b"a"]).unwrap();
    let second = machine.window('2');
    let before = Some(first.seal());
    let mut second = LogWriter::create(second, birth(SegmentId(2), 1), before, 4096).unwrap();
    second.append(&[b"b"]).unwrap();
    let failed = second.sync();
    assert!(matches!(failed, Err(Error::Io { segment: SegmentId(1), .. })), "{failed:?}");
    assert!(matches!(second.sync(), Err(Error::Failed)));
    assert_eq!(second.synced_position(), 0);
}

#[test]
fn a_segment_that_cannot_be_made_is_an_error() {
    for calls_max in 0..3 {
        assert!(matches!(Machine::new(calls_max).writer(), Err(Error::Io { .. })));
    }
}

#[test]
fn a_payload_over_the_limit_is_refused_and_the_log_goes_on() {
    let mut log = Log::new();
    let piece = vec![0; 1 << 20];
    let pieces: Vec<&[u8]> = std::iter::repeat_n(&piece[..], 2050).collect();
    let refused = log.writer().append(&pieces);
    let most = (1 << 31) + (1 << 20);
    assert!(matches!(refused, Err(Error::TooLarge { bytes, most: limit })
        if bytes == 2050 << 20 && limit == most));
    assert!(!log.writer().failed());
    log.append("a", b"a").unwrap();
    assert_eq!(log.outcome(0), "a");
}
