//! Iterators over ranges: cursors with Rust's manners.

use crate::cursor::Cursor;
use crate::db::Handle;
use crate::snapshots::Registered;
use crate::store::Store;
use crate::tree::Tree;
use crate::{Error, Value};
use siltstone_base::Bounds;
use std::sync::Arc;

/// Keys and values of a range, from both ends; made by `scan` and `scan_prefix`. After an error
/// it ends.
#[derive(Debug)]
pub struct Scan(Ends);

/// Keys of a range, from both ends; made by `keys`. No values are read.
#[derive(Debug)]
pub struct Keys(Ends);

/// Two cursors that approach each other; each is made when it is first asked.
#[derive(Debug)]
struct Ends {
    store: Arc<Store>,
    handle: Handle,
    tree: Arc<Tree>,
    /// `None` once the scan is done, so that it holds nothing back.
    seqno: Option<Registered>,
    bounds: Bounds,
    front: Option<Cursor>,
    back: Option<Cursor>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Front,
    Back,
}

impl Ends {
    /// Moves the cursor of one side on and returns it, or `None` when the sides have met.
    fn step(&mut self, side: Side) -> Option<Result<&Cursor, Error>> {
        match self.try_step(side) {
            Ok(true) => {
                let cursor = if side == Side::Front { &self.front } else { &self.back };
                cursor.as_ref().map(Ok)
            }
            Ok(false) => {
                self.end();
                None
            }
            Err(error) => {
                self.end();
                Some(Err(error))
            }
        }
    }

    fn try_step(&mut self, side: Side) -> Result<bool, Error> {
        let Some(seqno) = &self.seqno else { return Ok(false) };
        let (own, other) = match side {
            Side::Front => (&mut self.front, &self.back),
            Side::Back => (&mut self.back, &self.front),
        };
        let moved = match (own.as_mut(), side) {
            (Some(cursor), Side::Front) => cursor.next()?,
            (Some(cursor), Side::Back) => cursor.prev()?,
            (None, _) => {
                let cursor = own.insert(Cursor::new(
                    Arc::clone(&self.store),
                    Arc::clone(&self.handle),
                    Arc::clone(&self.tree),
                    seqno.clone(),
                    self.bounds.clone(),
                )?);
                if side == Side::Front { cursor.seek_to_first()? } else { cursor.seek_to_last()? }
            }
        };
        let (Some(own), true) = (own.as_ref(), moved) else { return Ok(false) };
        Ok(match (other, side) {
            (None, _) => true,
            (Some(back), Side::Front) => own.key() < back.key(),
            (Some(front), Side::Back) => own.key() > front.key(),
        })
    }

    /// Lets go of everything the scan holds.
    fn end(&mut self) {
        self.seqno = None;
        self.front = None;
        self.back = None;
    }
}

impl Scan {
    pub(crate) fn new(
        store: Arc<Store>,
        handle: Handle,
        tree: Arc<Tree>,
        seqno: Registered,
        bounds: Bounds,
    ) -> Self {
        let seqno = (!bounds.is_empty()).then_some(seqno);
        Self(Ends { store, handle, tree, seqno, bounds, front: None, back: None })
    }

    /// The same range without values.
    pub(crate) fn into_keys(self) -> Keys {
        Keys(self.0)
    }
}

type Item = Result<(Value, Value), Error>;

fn item(cursor: Result<&Cursor, Error>) -> Item {
    cursor.map(|cursor| (Value::copy_of(cursor.key()), cursor.keep_value()))
}

impl Iterator for Scan {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        self.0.step(Side::Front).map(item)
    }
}

impl DoubleEndedIterator for Scan {
    fn next_back(&mut self) -> Option<Item> {
        self.0.step(Side::Back).map(item)
    }
}

fn key(cursor: Result<&Cursor, Error>) -> Result<Value, Error> {
    cursor.map(|cursor| Value::copy_of(cursor.key()))
}

impl Iterator for Keys {
    type Item = Result<Value, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.step(Side::Front).map(key)
    }
}

impl DoubleEndedIterator for Keys {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.step(Side::Back).map(key)
    }
}
