//! Faults of a simulated disk that runs.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use siltstone_vfs::{
    AppendFile, Clock, CrashPolicy, Fault, FaultClass, FaultError, FaultKind, LockError, LogWindow,
    ManualClock, Op, Ops, Pages, Rot, SimVfs, Vfs,
};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const DIR: &str = "/db";
const EIO: i32 = 5;

fn fresh() -> SimVfs {
    let disk = SimVfs::new(3);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn create(disk: &SimVfs, name: &str, bytes: &[u8]) -> Box<dyn AppendFile> {
    let mut file = disk.create_new(&path(name)).unwrap();
    file.append(bytes).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    file
}

fn window(disk: &SimVfs, bytes: u64) -> Arc<dyn LogWindow> {
    let window = disk.create_window(&path("log")).unwrap();
    window.allocate(bytes).unwrap();
    window.sync().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    window
}

fn read(disk: &SimVfs, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open_read(&path(name))?;
    let mut bytes = vec![0; usize::try_from(file.bytes()?).unwrap()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn durable(disk: &SimVfs, name: &str) -> Vec<u8> {
    disk.crash(CrashPolicy::LoseUnsynced, 0).read(path(name)).unwrap()
}

/// Numbers that repeat in no sector.
fn bytes(count: u32) -> Vec<u8> {
    (0..count).flat_map(|number| (number | 1 << 31).to_le_bytes()).collect()
}

#[test]
fn a_failed_sync_drops_keeps_or_halves_and_the_next_one_lies() {
    let expected = [(Pages::Dropped, &b"ab"[..]), (Pages::Half, b"abcd"), (Pages::Kept, b"abcdef")];
    for (pages, kept) in expected {
        let disk = fresh();
        let mut file = create(&disk, "table", b"ab");
        disk.arm(Fault::new(0, FaultKind::FailedSync(pages)));
        file.append(b"cd").unwrap();
        file.append(b"ef").unwrap();
        assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(EIO));
        assert_eq!(durable(&disk, "table"), kept, "{pages:?}");
        assert_eq!(read(&disk, "table").unwrap(), b"abcdef", "{pages:?}: as long as it runs");
        file.sync().unwrap();
        assert_eq!(durable(&disk, "table"), kept, "{pages:?}: the next sync wrote none of it");
        file.append(b"gh").unwrap();
        file.sync().unwrap();
        let mut holed = kept.to_vec();
        holed.resize(6, 0);
        holed.extend(b"gh");
        assert_eq!(durable(&disk, "table"), holed, "{pages:?}: what came later is durable");
        for seed in 0..30 {
            for policy in CrashPolicy::ALL {
                assert_eq!(disk.crash(policy, seed).read(path("table")).unwrap(), holed);
            }
        }
        assert_eq!(disk.counts().of(FaultClass::FailedSync), 1);
    }
}

#[test]
fn a_half_failed_sync_may_split_one_write() {
    let disk = fresh();
    let window = window(&disk, 8);
    disk.arm(Fault::new(0, FaultKind::FailedSync(Pages::Half)));
    window.write_at(b"abcdef", 1).unwrap();
    window.sync().unwrap_err();
    assert_eq!(durable(&disk, "log"), b"\0abc\0\0\0\0");
}

#[test]
fn a_sync_by_name_and_of_a_directory_fail_too() {
    let disk = fresh();
    create(&disk, "table", b"ab").append(b"cd").unwrap();
    disk.arm(
        Fault::new(0, FaultKind::FailedSync(Pages::Dropped))
            .on(Ops::of(&[Op::Sync, Op::SyncDir]))
            .times(2),
    );
    disk.sync_file(&path("table")).unwrap_err();
    assert_eq!(durable(&disk, "table"), b"ab");
    disk.create_new(&path("new")).unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap_err();
    let names = |disk: &SimVfs| disk.list(Path::new(DIR)).unwrap().len();
    assert_eq!(names(&disk.crash(CrashPolicy::LoseUnsynced, 0)), 1);
    disk.sync_dir(Path::new(DIR)).unwrap();
    assert_eq!(names(&disk.crash(CrashPolicy::LoseUnsynced, 0)), 2);
}

#[test]
fn a_full_disk_takes_a_first_part_and_has_room_again_later() {
    for error in [FaultError::Enospc, FaultError::Edquot] {
        let disk = fresh();
        let window = window(&disk, 64);
        let mut file = create(&disk, "table", b"");
        disk.arm(Fault::new(1, FaultKind::NoSpace(error)).times(3));
        file.append(b"fits").unwrap();
        assert_eq!(disk.free_bytes(Path::new(DIR)).unwrap(), 0);
        let full = [
            file.append(&[7; 100]).unwrap_err(),
            window.write_at(&[7; 32], 8).unwrap_err(),
            window.allocate(1000).unwrap_err(),
        ];
        let kind = io::Error::from(error).kind();
        assert!(full.iter().all(|error| error.kind() == kind), "{full:?}");
        let table = disk.read(path("table")).unwrap();
        assert!((4..=104).contains(&table.len()) && table.starts_with(b"fits"));
        assert!(table[4..].iter().all(|byte| *byte == 7));
        assert!((64..=1000).contains(&disk.read(path("log")).unwrap().len()));
        window.allocate(1000).unwrap();
        file.append(b"fits again").unwrap();
        assert_eq!(disk.free_bytes(Path::new(DIR)).unwrap(), u64::MAX);
        assert_eq!(disk.counts().of(FaultClass::NoSpace), 3);
    }
}

#[test]
fn a_delayed_allocation_fails_at_the_sync() {
    let disk = fresh();
    let mut file = create(&disk, "table", b"ab");
    disk.arm(Fault::new(0, FaultKind::NoSpace(FaultError::Enospc)).on(Op::Sync));
    file.append(b"cd").unwrap();
    assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(durable(&disk, "table"), b"ab");
}

type Call<'a> = Box<dyn FnMut() -> io::Result<()> + 'a>;

#[test]
fn every_kind_of_call_can_fail_and_changes_no_name() {
    let disk = fresh();
    let mut file = create(&disk, "table", b"bytes");
    let window = window(&disk, 8);
    let reader = disk.open_read(&path("table")).unwrap();
    let (dir, table, new) = (PathBuf::from(DIR), path("table"), path("new"));
    let before = disk.fingerprint();
    let calls: Vec<(Op, Call<'_>)> = vec![
        (Op::CreateDir, Box::new(|| disk.create_dir_all(&path("sub")))),
        (Op::Create, Box::new(|| disk.create_new(&new).map(drop))),
        (Op::Create, Box::new(|| disk.create_window(&new).map(drop))),
        (Op::Open, Box::new(|| disk.open_read(&table).map(drop))),
        (Op::Metadata, Box::new(|| disk.metadata(&table).map(drop))),
        (Op::List, Box::new(|| disk.list(&dir).map(drop))),
        (Op::Rename, Box::new(|| disk.rename(&table, &new))),
        (Op::Unlink, Box::new(|| disk.unlink(&table))),
        (Op::Link, Box::new(|| disk.link_or_copy(&table, &new))),
        (Op::SyncDir, Box::new(|| disk.sync_dir(&dir))),
        (Op::Lock, Box::new(|| lock(&disk, &path("LOCK")))),
        (Op::Append, Box::new(|| file.append(b""))),
        (Op::Write, Box::new(|| window.write_at(b"", 0))),
        (Op::Allocate, Box::new(|| window.allocate(8))),
        (Op::Sync, Box::new(|| window.sync())),
        (Op::Read, Box::new(|| reader.read_at(&mut [0; 4], 0).map(drop))),
    ];
    let mut applied = 0;
    for (op, mut call) in calls {
        for error in [FaultError::Eio, FaultError::Eintr, FaultError::Eagain] {
            disk.arm(Fault::new(0, FaultKind::Error(error)).on(op));
            let expected = io::Error::from(error).raw_os_error();
            assert_eq!(call().unwrap_err().raw_os_error(), expected, "{op:?}");
            assert_eq!(disk.armed(), 0, "{op:?}: it happened once");
            applied += 1;
        }
        assert_eq!(disk.fingerprint(), before, "{op:?}");
    }
    assert_eq!(disk.counts().of(FaultClass::Error), applied);
}

fn lock(disk: &SimVfs, path: &Path) -> io::Result<()> {
    match disk.lock(path, "me") {
        Ok(_) => Ok(()),
        Err(LockError::Io(error)) => Err(error),
        Err(LockError::Held(note)) => panic!("held by {note}"),
    }
}

#[test]
fn a_fault_meets_the_nth_call_of_its_kind_and_path_until_it_is_over() {
    let run = |fault: Fault| {
        let disk = fresh();
        disk.arm(fault);
        let calls = ["log", "a.table", "log", "b.table", "log"];
        let outcome = |name| {
            if disk.metadata(&path(name)).unwrap_err().kind() == ErrorKind::NotFound {
                '.'
            } else {
                'x'
            }
        };
        calls.map(outcome).iter().collect::<String>()
    };
    let fault = |at| Fault::new(at, FaultKind::Error(FaultError::Eio)).on(Op::Metadata);
    assert_eq!(run(fault(0)), "x....");
    assert_eq!(run(fault(2)), "..x..");
    assert_eq!(run(fault(2).forever()), "..xxx");
    assert_eq!(run(fault(1).times(2)), ".xx..");
    assert_eq!(run(fault(1).in_path("table")), "...x.");
    assert_eq!(run(fault(0).on(Op::List).forever()), ".....");
}

#[test]
fn a_short_read_has_fewer_bytes_and_a_short_write_a_first_part() {
    let disk = fresh();
    let mut file = create(&disk, "table", &[1; 100]);
    disk.arm(Fault::new(0, FaultKind::Short).forever());
    let error = read(&disk, "table").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    disk.disarm();
    assert_eq!(read(&disk, "table").unwrap(), [1; 100]);
    disk.arm(Fault::new(0, FaultKind::Short).on(Op::Append));
    assert_eq!(file.append(&[1; 100]).unwrap_err().kind(), ErrorKind::WriteZero);
    assert!((100..200).contains(&disk.read(path("table")).unwrap().len()));
}

#[test]
fn rot_between_reads_spoils_one_read_and_no_file() {
    for rot in Rot::ALL {
        let disk = fresh();
        let fine = bytes(1000);
        create(&disk, "table", &fine);
        disk.arm(Fault::new(1, FaultKind::Rot(rot)));
        assert_eq!(read(&disk, "table").unwrap(), fine);
        let rotten = read(&disk, "table").unwrap();
        assert_ne!(rotten, fine, "{rot:?}");
        check_rot(rot, &fine, &rotten);
        assert_eq!(read(&disk, "table").unwrap(), fine, "{rot:?}");
        assert_eq!(disk.counts().of(FaultClass::Rot), 1);
    }
}

fn check_rot(rot: Rot, fine: &[u8], rotten: &[u8]) {
    assert_eq!(rotten.len(), fine.len(), "{rot:?}");
    let wrong: Vec<usize> = (0..fine.len()).filter(|at| fine[*at] != rotten[*at]).collect();
    let (first, last) = (wrong[0], wrong[wrong.len() - 1]);
    match rot {
        Rot::BitFlip => {
            assert_eq!((wrong.len(), (fine[first] ^ rotten[first]).count_ones()), (1, 1));
        }
        Rot::ZeroSector | Rot::StaleSector => {
            assert_eq!(first / 512, last / 512, "{rot:?}: one sector");
            let end = (first / 512 * 512 + 512).min(fine.len());
            assert!(rotten[first / 512 * 512..end].iter().all(|byte| *byte == 0));
        }
        _ => assert!(wrong.len() > 1),
    }
}

#[test]
fn a_misdirected_read_gives_another_place() {
    let disk = fresh();
    let fine = bytes(2048);
    create(&disk, "table", &fine);
    disk.arm(Fault::new(0, FaultKind::Rot(Rot::Misdirected)).forever());
    let reader = disk.open_read(&path("table")).unwrap();
    let mut places = BTreeSet::new();
    for _ in 0..100 {
        let mut piece = [0; 100];
        reader.read_exact_at(&mut piece, 1034).unwrap();
        let place = fine.windows(100).position(|window| window == piece).unwrap();
        assert_eq!((place % 512, place != 1034), (10, true));
        places.insert(place);
    }
    assert!(places.len() > 10, "{places:?}");
}

fn count_twos(bytes: &[u8]) -> usize {
    bytes.iter().map(|byte| usize::from(*byte == 2)).sum()
}

#[test]
fn rotten_writes_say_nothing_and_the_file_is_wrong() {
    for rot in Rot::ALL {
        let disk = fresh();
        let window = window(&disk, 8192);
        window.write_at(&[1; 8192], 0).unwrap();
        window.sync().unwrap();
        disk.arm(Fault::new(0, FaultKind::Rot(rot)).on(Op::Write));
        window.write_at(&[2; 1000], 3000).unwrap();
        window.sync().unwrap();
        let found = durable(&disk, "log");
        let mut fine = vec![1; 8192];
        fine[3000..4000].fill(2);
        assert_ne!(found, fine, "{rot:?}");
        let twos = count_twos(&found);
        match rot {
            Rot::Misdirected => {
                let place = found.iter().position(|byte| *byte == 2).unwrap();
                assert_eq!((twos, place % 512, place == 3000), (1000, 3000 % 512, false));
            }
            Rot::StaleSector => assert!((488..1000).contains(&twos) && !found.contains(&0)),
            _ => assert!(twos < 1000),
        }
    }
}

#[test]
fn an_appended_block_that_was_misdirected_leaves_zeros() {
    let disk = fresh();
    let mut file = create(&disk, "table", &[1; 2048]);
    disk.arm(Fault::new(0, FaultKind::Rot(Rot::Misdirected)).on(Op::Append));
    file.append(&[2; 512]).unwrap();
    let found = disk.read(path("table")).unwrap();
    assert_eq!((found.len(), &found[2048..]), (2560, &[0; 512][..]));
    assert_eq!(count_twos(&found), 512);
}

#[test]
fn rot_at_rest_is_durable_and_a_stale_sector_is_what_was_there_before() {
    let disk = fresh();
    let window = window(&disk, 512);
    window.write_at(&[1; 512], 0).unwrap();
    window.sync().unwrap();
    window.write_at(&[2; 512], 0).unwrap();
    window.sync().unwrap();
    assert!(disk.rot(path("log"), Rot::StaleSector, 0).unwrap());
    assert_eq!(durable(&disk, "log"), [1; 512]);
    assert!(disk.rot(path("log"), Rot::ZeroSector, 0).unwrap());
    assert!(!disk.rot(path("log"), Rot::ZeroSector, 0).unwrap(), "zeros do not rot to zeros");
    for (seed, rot) in (0..40).flat_map(|seed| Rot::ALL.map(|rot| (seed, rot))) {
        let disk = fresh();
        let fine = bytes(700);
        create(&disk, "table", &fine);
        assert!(disk.rot(path("table"), rot, seed).unwrap(), "{rot:?} {seed}");
        check_rot(rot, &fine, &durable(&disk, "table"));
    }
    assert_eq!(disk.counts().of(FaultClass::Rot), 2);
}

#[test]
fn nothing_is_mapped_while_reads_may_fail() {
    let disk = fresh();
    create(&disk, "table", b"bytes");
    let reader = disk.open_read(&path("table")).unwrap();
    let mapped = || (reader.map().unwrap().is_some(), disk.maps_are_safe(Path::new(DIR)));
    assert_eq!(mapped(), (true, true));
    for kind in [FaultKind::Error(FaultError::Eio), FaultKind::Short, FaultKind::Rot(Rot::BitFlip)]
    {
        disk.arm(Fault::new(0, kind).on(Op::Read));
        assert_eq!(mapped(), (false, false), "{kind:?}");
        let _ = reader.read_at(&mut [0; 5], 0);
        assert_eq!(mapped(), (true, true), "{kind:?}: it is over");
    }
    disk.arm(Fault::new(0, FaultKind::FailedSync(Pages::Half)));
    disk.arm(Fault::new(0, FaultKind::Latency(Duration::from_secs(1))));
    assert_eq!(mapped(), (true, true), "no fault of reads");
}

#[test]
fn foreign_hands_cut_remove_double_and_exchange() {
    let (disk, other) = (fresh(), fresh());
    create(&disk, "a", b"of this");
    create(&other, "a", b"of the other");
    disk.swap(path("a"), &other, path("a")).unwrap();
    assert_eq!(durable(&disk, "a"), b"of the other");
    assert_eq!(durable(&other, "a"), b"of this");
    disk.duplicate(path("a"), path("b")).unwrap();
    disk.truncate(path("a"), 6).unwrap();
    assert_eq!(
        (durable(&disk, "a"), durable(&disk, "b")),
        (b"of the".into(), b"of the other".into())
    );
    disk.remove(path("a")).unwrap();
    assert!(disk.crash(CrashPolicy::LoseUnsynced, 0).read(path("a")).is_err());
    let counted = |disk: &SimVfs| disk.counts().of(FaultClass::ForeignHand);
    assert_eq!((counted(&disk), counted(&other)), (4, 1));
}

#[test]
fn latency_moves_the_clock_and_the_call_happens() {
    let clock = Arc::new(ManualClock::new());
    let disk = SimVfs::with_clock(0, Arc::clone(&clock));
    disk.arm(Fault::new(1, FaultKind::Latency(Duration::from_millis(40))).times(2));
    for name in ["a", "b", "c", "d"] {
        disk.create_new(Path::new(name)).unwrap();
    }
    assert_eq!(clock.now(), Duration::from_millis(80));
    assert_eq!((disk.performed(Op::Create), disk.counts().of(FaultClass::Latency)), (4, 2));
}

#[test]
fn faulted_calls_are_operations_and_stand_in_the_trace() {
    let disk = fresh();
    disk.arm(Fault::new(1, FaultKind::Error(FaultError::Eio)).on(Ops::CHANGES));
    let mut file = disk.create_new(&path("table")).unwrap();
    file.append(b"bytes").unwrap_err();
    file.sync().unwrap();
    assert_eq!(disk.operations(), 4);
    let lines: Vec<String> = disk.trace().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "0: CreateDir /db",
            "1: Create /db/table",
            "2: Append /db/table 5 bytes at 0 met Error(Eio)",
            "3: Sync /db/table",
        ]
    );
}

#[test]
fn a_failed_change_of_a_name_counts_as_an_operation_and_a_failed_look_does_not() {
    let disk = fresh();
    disk.arm(Fault::new(0, FaultKind::Error(FaultError::Eio)).forever());
    disk.rename(&path("a"), &path("b")).unwrap_err();
    disk.unlink(&path("a")).unwrap_err();
    disk.sync_dir(Path::new(DIR)).unwrap_err();
    lock(&disk, &path("LOCK")).unwrap_err();
    disk.list(Path::new(DIR)).unwrap_err();
    disk.open_read(&path("a")).unwrap_err();
    assert_eq!((disk.operations(), disk.performed(Ops::ALL)), (5, 7));
}

#[test]
fn a_cut_stops_what_changes_and_counts_no_further() {
    let disk = fresh();
    let mut file = disk.create_new(&path("table")).unwrap();
    disk.cut_after(disk.operations() + 1);
    file.append(b"in time").unwrap();
    file.append(b"late").unwrap_err();
    file.sync().unwrap_err();
    disk.sync_dir(Path::new(DIR)).unwrap_err();
    disk.rename(&path("table"), &path("new")).unwrap_err();
    assert_eq!(disk.operations(), 3);
    assert_eq!(disk.process_death().read(path("table")).unwrap(), b"in time");
}

#[test]
fn the_same_seed_gives_the_same_partial_writes() {
    let run = |seed| {
        let disk = SimVfs::new(seed);
        let mut file = disk.create_new(Path::new("table")).unwrap();
        disk.arm(Fault::new(0, FaultKind::Error(FaultError::Eio)).on(Op::Append).forever());
        for _ in 0..10 {
            file.append(&[1; 1000]).unwrap_err();
        }
        disk.fingerprint()
    };
    assert_eq!((run(1), run(2)), (run(1), run(2)));
    assert_ne!(run(1), run(2));
}
