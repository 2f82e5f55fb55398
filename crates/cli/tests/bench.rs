//! `bench`: every workload runs and says what it measured; wrong flags are wrong use.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Home, run};
use serde_json::Value;

const ALL: &str = "fillseq,fillbatch,fillsync,fillrandom,overwrite,readrandom,readrandom-zipf,\
                   readmissing,readseq,readreverse,seekrandom-10,seekrandom-100,\
                   readwhilewriting,ycsb-a,ycsb-b,ycsb-c,ycsb-d,ycsb-e,ycsb-f,deleterandom";

#[test]
fn every_workload_gives_one_object() {
    let ended = run(&["bench", "--num", "3000", "--json", "--threads", "2"]).code(0);
    let reports: Vec<Value> =
        ended.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = reports.iter().map(|report| report["workload"].as_str().unwrap()).collect();
    assert_eq!(names.join(","), ALL);
    for report in &reports {
        assert!(report["ops"].as_u64().unwrap() > 0, "{report}");
        assert!(report["ops_per_second"].as_f64().unwrap() > 0.0, "{report}");
        let reads = report["entries_read"].as_u64().unwrap();
        assert!(100 * report["verified"].as_u64().unwrap() >= reads, "{report}");
    }
}

#[test]
fn a_table_has_a_line_for_each_workload() {
    let home = Home::new();
    let dir = home.arg("stores");
    let named = ["bench", "--dir", &dir, "--num", "500", "--workloads", "fillseq,readseq"];
    let ended = run(&named).code(0);
    let words: Vec<_> =
        ended.text().lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(words, ["workload", "fillseq", "readseq"]);
    run(&named).code(3).says("not empty");
}

#[test]
fn wrong_flags_are_wrong_use() {
    for (flags, part) in [
        (["--workloads", "fillslow"], "fillseq"),
        (["--num", "0"], "num"),
        (["--num", "many"], "num"),
        (["--key-bytes", "3"], "key-bytes"),
        (["--value-bytes", "1"], "value-bytes"),
        (["--compression-ratio", "2"], "compression-ratio"),
        (["--threads", "0"], "threads"),
        (["--seconds", "0"], "seconds"),
        (["--rate", "0"], "rate"),
        (["--rate", "fast"], "rate"),
        (["--rate", "1.5"], "rate"),
        (["--durability", "none"], "durability"),
        (["--keys", "words"], "prefixed"),
        (["--option", "colour=blue"], "colour"),
    ] {
        run(&[&["bench"][..], &flags].concat()).code(2).says(part);
    }
}

#[test]
fn the_page_shows_every_workload_and_needs_nothing_else() {
    let home = Home::new();
    let page = home.arg("page.html");
    let named = "fillseq,ycsb-a,readseq";
    run(&["bench", "--num", "500", "--workloads", named, "--html", &page]).code(0);
    let html = std::fs::read_to_string(&page).unwrap();
    let allow = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(&html, allow).unwrap();
    let texts = |tag: &str| {
        let nodes = document.descendants().filter(|node| node.has_tag_name(tag));
        nodes.map(|node| node.text().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts("h2"), ["Results", "fillseq", "ycsb-a", "readseq"]);
    // Throughput for each, latency of writes, of both, of reads.
    assert_eq!(texts("svg").len(), 3 + 1 + 2 + 1);
    for foreign in ["http", "src=", "<script"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_said_at_once() {
    let home = Home::new();
    let page = home.arg("missing/page.html");
    // So many keys would take minutes.
    run(&["bench", "--num", "100000000", "--html", &page]).code(1).says("page.html");
}

#[test]
fn a_rate_is_kept_or_it_is_said_that_it_was_not() {
    let named = "readrandom,ycsb-a,readwhilewriting,seekrandom-10,readseq";
    let flags = ["bench", "--num", "200", "--threads", "2", "--workloads", named, "--rate"];
    let ended = run(&[&flags[..], &["2000", "--json"]].concat()).code(0);
    let reports: Vec<Value> =
        ended.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports.len(), 5);
    for report in &reports[..4] {
        let rate = &report["rate"];
        assert_eq!((&rate["asked_ops_per_second"], &rate["due"]), (&2000.into(), &200.into()));
        assert_eq!(report["ops"], 200, "{report}");
        // The last of 200 is due after 99.5 ms, however fast the store is.
        assert!(report["seconds"].as_f64().unwrap() >= 0.099, "{report}");
        let backlog = rate["backlog"].as_u64().unwrap();
        assert_eq!(rate["kept"].as_bool().unwrap(), backlog <= 2, "{report}");
    }
    assert!(reports[4]["rate"].is_null(), "a sweep has no rate");

    // No store does an operation in a nanosecond.
    let ended = run(&[&flags[..], &["1000000000"]].concat()).code(0);
    let text = ended.text();
    assert!(text.starts_with("open loop, 1000000000 operations per second"), "{text}");
    assert_eq!(text.matches("rate NOT kept: asked for 1000000000").count(), 4, "{text}");
    assert!(text.contains("no rate: it reads as fast as it can"), "{text}");
}

#[test]
fn sweeps_alone_have_no_rate() {
    let flags = ["bench", "--num", "10", "--rate", "100", "--workloads", "readseq,readreverse"];
    run(&flags).code(2).says("as fast as they can");
}
