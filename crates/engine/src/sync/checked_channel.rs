//! A bounded channel of a model checker's parts, with as much of `crossbeam-channel` as is used.
//!
//! A wait ends when something was sent or the sender is gone, never by time.

use super::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    sent: VecDeque<T>,
    capacity: usize,
    closed: bool,
}

/// The one sender; the channel closes with it.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Shared<T>>);

/// One of the receivers.
#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Shared<T>>);

/// Nothing came.
#[derive(Debug)]
pub(crate) enum RecvTimeoutError {
    #[expect(dead_code, reason = "waits do not end by time here")]
    Timeout,
    Disconnected,
}

/// A channel that holds up to `capacity` values.
pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let state = Mutex::new(State { sent: VecDeque::new(), capacity, closed: false });
    let shared = Arc::new(Shared { state, changed: Condvar::new() });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    /// Sends unless the channel is full; then the value comes back.
    pub(crate) fn try_send(&self, value: T) -> Result<(), T> {
        let mut state = self.0.state.lock();
        if state.sent.len() == state.capacity {
            return Err(value);
        }
        state.sent.push_back(value);
        drop(state);
        self.0.changed.notify_one();
        Ok(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl<T> Receiver<T> {
    /// The next value, once there is one.
    pub(crate) fn recv_timeout(&self, _limit: Duration) -> Result<T, RecvTimeoutError> {
        let mut state = self.0.state.lock();
        loop {
            if let Some(value) = state.sent.pop_front() {
                return Ok(value);
            }
            if state.closed {
                return Err(RecvTimeoutError::Disconnected);
            }
            self.0.changed.wait(&mut state);
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
