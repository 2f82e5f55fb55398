//! Pages: well-formed, of themselves alone, and whatever is asked for.

use super::*;

fn axis(unit: Unit, log: bool) -> Axis {
    Axis { label: "operations per second".into(), unit, log }
}

fn line(name: &str, points: &[(f64, f64)]) -> Line {
    Line { name: name.into(), points: points.to_vec() }
}

#[expect(clippy::unnecessary_wraps, reason = "as groups have it")]
const fn bar(least: f64, median: f64, most: f64) -> Option<Spread> {
    Some(Spread { least, median, most })
}

fn of(parts: Vec<Part>) -> String {
    let section = Section { title: "fillrandom".into(), parts };
    page("A page", "One.\n\nTwo.", &[section]).unwrap()
}

/// How many of the elements of `html` are named so; it must be well-formed.
fn count(html: &str, name: &str) -> usize {
    let allow = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(html, allow).unwrap();
    document.descendants().filter(|node| node.has_tag_name(name)).count()
}

fn lines(log: bool, lines: Vec<Line>) -> Part {
    Part::Lines(Lines { title: "Throughput".into(), axis: axis(Unit::Count, log), lines })
}

fn bars(groups: Vec<Group>) -> Part {
    let names = vec!["rocksdb".into(), "fjall".into()];
    let axis = axis(Unit::Ratio, true);
    Part::Bars(Bars { title: "Ratios".into(), axis, reference: Some(1.0), names, groups })
}

#[test]
fn a_page_is_well_formed_and_needs_nothing_else() {
    let points: Vec<_> = (0..50).map(|at| (f64::from(at) / 10.0, f64::from(at * at))).collect();
    let html = of(vec![
        Part::Text("Some words.".into()),
        lines(false, vec![line("reads", &points), line("writes", &points)]),
        lines(true, vec![line("p50", &points), line("p99", &points)]),
        bars(vec![Group {
            label: "readrandom".into(),
            bars: vec![bar(0.8, 0.9, 1.1), bar(2.0, 2.1, 2.2)],
        }]),
        Part::Table(Table { head: vec!["a".into()], rows: vec![vec!["1".into()]] }),
    ]);
    for (name, number) in [("svg", 3), ("figure", 3), ("table", 1), ("td", 1), ("li", 6), ("p", 3)]
    {
        assert_eq!(count(&html, name), number, "{name}");
    }
    for foreign in ["http", "src=", "<script", "@import", "url("] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(html.contains("reads: least 0, median 625, most 2.4k."), "no words");
    assert!(html.contains("readrandom: rocksdb 0.9x (0.8x to 1.1x), fjall 2.1x"), "no words");
}

#[test]
fn each_line_is_drawn_and_cut_at_its_gaps() {
    let whole = line("one", &[(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 2.0)]);
    let mut cut = whole.clone();
    cut.points.insert(2, (1.5, f64::NAN));
    let drawn = |all: &[&Line]| {
        count(&of(vec![lines(false, all.iter().copied().cloned().collect())]), "polyline")
    };
    let axes = drawn(&[&whole]) - 1;
    assert_eq!(drawn(&[&whole, &whole]), axes + 2);
    assert_eq!(drawn(&[&cut]), axes + 2);
}

#[test]
fn names_are_escaped_wherever_they_stand() {
    let evil = "</p><script>alert('\"&')</script>\u{1}";
    let group = Group { label: evil.into(), bars: vec![bar(1.0, 2.0, 3.0); 2] };
    let lines = Lines {
        title: evil.into(),
        axis: Axis { label: evil.into(), unit: Unit::Micros, log: false },
        lines: vec![line(evil, &[(0.0, 1.0), (1.0, 1.0)]); 2],
    };
    let bars = Bars {
        title: evil.into(),
        axis: Axis { label: evil.into(), unit: Unit::Ratio, log: true },
        reference: None,
        names: vec![evil.into(); 2],
        groups: vec![group],
    };
    let table = Table { head: vec![evil.into()], rows: vec![vec![evil.into()]] };
    let parts =
        vec![Part::Text(evil.into()), Part::Lines(lines), Part::Bars(bars), Part::Table(table)];
    let html = page(evil, evil, &[Section { title: evil.into(), parts }]).unwrap();
    assert_eq!((count(&html, "script"), count(&html, "svg")), (0, 2));
}

#[test]
fn whatever_the_values_a_page_comes_out() {
    let hard = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -1.0, 0.0];
    for log in [false, true] {
        for first in hard {
            for second in hard {
                let mut parts = vec![
                    lines(log, vec![line("one", &[(0.0, first), (1.0, second), (2.0, 1.0)])]),
                    lines(log, vec![line("time", &[(first, 1.0), (second, 2.0)])]),
                    lines(log, vec![line("none", &[])]),
                    bars(vec![Group { label: "g".into(), bars: vec![bar(first, second, 1.0)] }]),
                    bars(Vec::new()),
                ];
                if let Some(Part::Bars(bars)) = parts.last_mut() {
                    bars.reference = Some(first);
                }
                assert_eq!(count(&of(parts), "svg"), 5, "{first} {second} {log}");
            }
        }
    }
}
