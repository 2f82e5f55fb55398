//! Ends the test program when one case takes too long: a hang must not look like a slow machine.

use crate::damage::Damage;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// A case takes a few milliseconds at most.
const LIMIT: Duration = Duration::from_secs(60);

/// Does `work`, which tells of each case before it begins.
pub(crate) fn beside(name: &str, work: impl FnOnce(&mut dyn FnMut(&str, Damage))) {
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut last: Option<(String, Damage)> = None;
            loop {
                match receiver.recv_timeout(LIMIT) {
                    Ok((Some(file), damage)) => last = Some((file, damage)),
                    Ok((None, damage)) => last = last.map(|(file, _)| (file, damage)),
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!("{name}: {last:?} did not end in {LIMIT:?}");
                        std::process::abort();
                    }
                }
            }
        });
        let mut told = String::new();
        work(&mut |file, damage| {
            let changed = (told != file).then(|| file.to_owned());
            if let Some(file) = &changed {
                told.clone_from(file);
            }
            sender.send((changed, damage)).unwrap();
        });
        drop(sender);
    });
}
