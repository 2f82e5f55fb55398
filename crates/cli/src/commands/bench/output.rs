//! What a run shows: a table or JSON, and a page.

use crate::args;
use anyhow::{Context as _, Result};
use siltstone_bench::{Report, Settings, html_page, table_head, table_line};
use std::fs;
use std::io::Write;
use std::path::Path;

/// Shows reports as they come: a run takes long, and what is known shall be seen.
pub(super) struct Output<'a> {
    out: &'a mut dyn Write,
    json: bool,
    open_loop: bool,
    /// Where the page goes.
    html: Option<&'a Path>,
    /// What was asked for, for the page.
    intro: String,
    reports: Vec<Report>,
}

impl<'a> Output<'a> {
    /// Shows what stands above the reports; a file that cannot be written is found here.
    pub(super) fn begin(
        args: &'a args::Bench,
        settings: &Settings,
        out: &'a mut dyn Write,
    ) -> Result<Self> {
        let (json, html) = (args.json, args.html.as_deref());
        if !json {
            if let Some(rate) = settings.rate {
                let from = "latencies are from when operations were due";
                writeln!(out, "open loop, {rate} operations per second; {from}")?;
            }
            writeln!(out, "{}", table_head())?;
        }
        let open_loop = settings.rate.is_some();
        let intro = intro(args, settings);
        let output = Self { out, json, open_loop, html, intro, reports: Vec::new() };
        output.write_page()?;
        Ok(output)
    }

    /// Shows one report more.
    pub(super) fn show(&mut self, report: Report) -> Result<()> {
        if self.json {
            writeln!(self.out, "{}", serde_json::to_string(&report)?)?;
        } else {
            writeln!(self.out, "{}", table_line(&report))?;
            if let Some(rate) = &report.rate {
                writeln!(self.out, "  {rate}")?;
            } else if self.open_loop {
                writeln!(self.out, "  no rate: it reads as fast as it can")?;
            }
        }
        self.out.flush()?;
        self.reports.push(report);
        self.write_page()
    }

    fn write_page(&self) -> Result<()> {
        let Some(path) = self.html else { return Ok(()) };
        let page = html_page("siltstone bench", &self.intro, &self.reports)?;
        fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn intro(args: &args::Bench, settings: &Settings) -> String {
    let key_bytes = settings.key_bytes.unwrap_or(settings.keys.default_bytes());
    let mut parts = vec![
        format!("Siltstone {}: {} keys", env!("CARGO_PKG_VERSION"), settings.num),
        format!("keys of {key_bytes} bytes ({})", settings.keys.name()),
        format!("values of {} bytes", settings.value_bytes),
        format!("which compress to {}", settings.compression_ratio),
        format!("threads {}", settings.threads),
        format!("durability {:?}", settings.durability),
        format!("seed {}", settings.seed),
    ];
    parts.extend(settings.duration.map(|each| format!("{} s for each workload", each.as_secs())));
    parts.extend(settings.rate.map(|rate| format!("{rate} operations per second (open loop)")));
    parts.extend(args.settings.iter().map(|setting| format!("{setting:?}")));
    let asked = parts.join(", ");
    format!("{asked}.\n\nWhat the columns mean stands in docs/performance.md.")
}
