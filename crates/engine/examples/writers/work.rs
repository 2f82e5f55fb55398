//! Threads that write batches and tell of each.

use crate::Failure;
use crate::check::found;
use crate::history::{self, Books};
use crate::settings::Settings;
use crate::tell::Teller;
use siltstone::{Db, Durability, Health, WriteOptions};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, Scope};
use std::time::Duration;

/// How often a thread tries again after it was refused: a database that refused goes on refusing.
const TRIES: u64 = 3;
/// Without an acknowledgement for so long nothing goes on any more.
const STUCK: Duration = Duration::from_secs(2);
/// Batches of each thread once there is room again.
const BATCHES_AGAIN: u64 = 50;

/// Opens, looks, writes with all threads, looks again, closes.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let teller = Teller::new();
    teller.line(&format!("begin {}", std::process::id()));
    let db = settings.open()?;
    let counts = history::look(&db, settings)?;
    let books = Books::open(&db)?;
    found(&teller, &counts);
    teller.line("ready");
    let acked = counts.into_iter().map(AtomicU64::new).collect();
    let closing = AtomicBool::new(false);
    let work = Work { settings, db: &db, books, teller: &teller, acked, closing };
    if settings.threads == 1 && !settings.wait {
        // No second thread: who counts system calls counts them by thread.
        work.one(0);
    } else {
        thread::scope(|scope| work.all(scope))?;
    }
    work.look(&Vec::eq)?;
    let health = name(&db.health());
    db.close()?;
    teller.line(&format!("end {health}"));
    Ok(())
}

/// What the threads share.
struct Work<'a> {
    settings: &'a Settings,
    db: &'a Db,
    books: Books,
    teller: &'a Teller,
    /// By thread: the last number that was acknowledged.
    acked: Vec<AtomicU64>,
    /// Only `BATCHES_AGAIN` more each.
    closing: AtomicBool,
}

impl Work<'_> {
    /// Runs all threads to their ends; when nothing goes on, waits for the word if so asked.
    fn all<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) -> Result<(), Failure> {
        let (ended, ends) = mpsc::channel();
        self.start(scope, &ended, 0..self.settings.threads);
        let mut running = self.settings.threads;
        let mut stopped = Vec::new();
        let mut before = self.total();
        while running > 0 {
            match ends.recv_timeout(STUCK) {
                Ok((thread, refused)) => {
                    running -= 1;
                    stopped.extend(refused.then_some(thread));
                }
                Err(RecvTimeoutError::Timeout) if self.total() == before => {
                    if matches!(self.db.health(), Health::Healthy) {
                        return Err(Failure::Wrong("writers hang in a healthy database".into()));
                    }
                    if !self.settings.wait || self.closing.load(Ordering::Relaxed) {
                        return Err(Failure::Wrong("writers hang".into()));
                    }
                    self.wait_for_room()?;
                }
                Err(_) => {}
            }
            before = self.total();
            if running == 0 && self.settings.wait && !self.closing.load(Ordering::Relaxed) {
                self.wait_for_room()?;
                running = stopped.len() as u64;
                self.start(scope, &ended, stopped.drain(..));
            }
        }
        Ok(())
    }

    fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        ended: &Sender<(u64, bool)>,
        threads: impl Iterator<Item = u64>,
    ) {
        for thread in threads {
            let ended = ended.clone();
            scope.spawn(move || {
                let refused = self.one(thread);
                // The receiver goes only when the program has given up.
                let _ = ended.send((thread, refused));
            });
        }
    }

    /// Tells that nothing goes on, shows that reads still do, waits for the word and resumes.
    fn wait_for_room(&self) -> Result<(), Failure> {
        // A batch on its way may be visible before its acknowledgement was counted.
        self.look(&|seen, acked| seen.iter().zip(acked).all(|(seen, acked)| seen >= acked))?;
        loop {
            self.teller.line(&format!("full {}", name(&self.db.health())));
            let mut line = String::new();
            io::stdin().read_line(&mut line).map_err(|error| Failure::Wrong(error.to_string()))?;
            match self.db.resume() {
                _ if line.trim() == "probe" => {}
                resumed => break resumed?,
            }
        }
        self.closing.store(true, Ordering::Relaxed);
        self.teller.line("again");
        Ok(())
    }

    /// Writes until all is written or refused; returns whether it was refused.
    fn one(&self, thread: u64) -> bool {
        let acked = &self.acked[usize::try_from(thread).unwrap_or(0)];
        let first = acked.load(Ordering::Relaxed);
        let mut last =
            if self.settings.batches == 0 { u64::MAX } else { first + self.settings.batches };
        let (mut number, mut tries, mut closing) = (first, TRIES, false);
        while number < last {
            if !closing && self.closing.load(Ordering::Relaxed) {
                closing = true;
                last = number + BATCHES_AGAIN;
            }
            match self.write(thread, number + 1) {
                Ok(()) => {
                    number += 1;
                    acked.store(number, Ordering::Relaxed);
                }
                Err(error) => {
                    let why = error.to_string().replace('\n', " ");
                    self.teller.line(&format!("refused {thread} {} {why}", number + 1));
                    tries -= 1;
                }
            }
            if tries == 0 {
                return true;
            }
        }
        false
    }

    fn write(&self, thread: u64, number: u64) -> Result<(), siltstone::Error> {
        let every = self.settings.sync_every;
        let (durability, how) = if number.is_multiple_of(every) {
            (Durability::Sync, "sync")
        } else {
            (Durability::Buffered, "buffered")
        };
        let batch = self.books.batch(self.settings, thread, number);
        let seqno = self.db.write_with(batch, &WriteOptions::new().durability(durability))?;
        self.teller.line(&format!("ack {thread} {number} {seqno} {how}"));
        Ok(())
    }

    /// What can be read holds against what was acknowledged.
    fn look(&self, holds: &dyn Fn(&Vec<u64>, &Vec<u64>) -> bool) -> Result<(), Failure> {
        let acked: Vec<u64> =
            self.acked.iter().map(|acked| acked.load(Ordering::Relaxed)).collect();
        // A read may meet an injected error once; it must not twice.
        let seen = match history::look(self.db, self.settings) {
            Err(Failure::Refused(_)) => {
                history::look(self.db, self.settings).inspect_err(|failure| {
                    self.teller.line(&format!("unreadable {failure}"));
                })?
            }
            other => other?,
        };
        if !holds(&seen, &acked) {
            return Err(Failure::Wrong(format!("acknowledged {acked:?}, to be read {seen:?}")));
        }
        Ok(())
    }

    fn total(&self) -> u64 {
        self.acked.iter().map(|acked| acked.load(Ordering::Relaxed)).sum()
    }
}

/// A word for it.
fn name(health: &Health) -> &'static str {
    match health {
        Health::Healthy => "healthy",
        Health::Stalled(_) => "stalled",
        Health::ReadOnly(_) => "read-only",
        Health::Poisoned(_) => "poisoned",
        _ => "unknown",
    }
}
