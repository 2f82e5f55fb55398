//! Workloads that users know, run over a database behind one small trait, verified and measured.
//!
//! An [`Engine`] makes stores; [`Settings`] say how many keys of which kind; a [`Run`] does one
//! [`Workload`] after the other and gives a [`Report`] of each. [`Siltstone`] is the engine that
//! is always there; another one needs three small traits.
//!
//! Always: an answer that differs from what was written ends the run. Each read is checked for
//! presence, one of 16 values to its last byte, each entry of a scan for its order. What was
//! written is read back, 1 of 100 keys, though no workload may read it.
//!
//! ```
//! use siltstone_bench::{Run, Settings, Siltstone, Unobserved, Workload};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! let settings = Settings { num: 1000, ..Settings::default() };
//! let engine = Siltstone::default();
//! let mut run = Run::new(&engine, &settings, dir.path())?;
//! let report = run.workload(Workload::FillRandom, &Unobserved)?;
//! assert_eq!(report.ops, 1000);
//! run.close()?;
//! # Ok(()) }
//! ```

mod chance;
mod error;
mod html;
mod keys;
mod length;
mod live;
mod observer;
pub mod plot;
mod process;
mod rate;
mod recorder;
mod report;
mod run;
mod schedule;
mod settings;
mod siltstone_engine;
mod table;
mod tail;
mod target;
mod timeline;
mod values;
mod worker;
mod workload;

pub use error::Error;
pub use html::{html_page, plotted};
pub use keys::KeyStyle;
pub use length::Length;
pub use observer::{Observer, Unobserved};
pub use rate::Rate;
pub use report::{Latency, LatencyOverTime, Report};
pub use run::Run;
pub use settings::Settings;
pub use siltstone_engine::Siltstone;
pub use table::{table_head, table_line};
pub use target::{Direction, Engine, Op, See, Session, Stats, Store};
pub use workload::Workload;

/// What a write survives; the engine's own word for it.
pub use siltstone::Durability;
