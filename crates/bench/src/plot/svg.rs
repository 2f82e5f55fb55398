//! What all pictures share: size, colours, letters, and the way from a drawing to SVG.

use crate::Error;
use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{DrawingArea, IntoDrawingArea as _, RGBColor, SVGBackend};
use std::fmt::Write as _;

/// A drawing that becomes a text.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// About that of a phone, so that letters keep their size there.
pub(super) const WIDTH: u32 = 480;
/// What plotters calls 17 comes out as 14 pixels.
pub(super) const LETTERS: (&str, i32) = ("sans-serif", 17);
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

/// Told apart with most kinds of colour blindness (Okabe and Ito), darkened for white paper.
const COLOURS: [RGBColor; 10] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x55, 0x55, 0x55),
    RGBColor(0x8c, 0x56, 0x4b),
    RGBColor(0x6a, 0x3d, 0x9a),
    RGBColor(0xb1, 0xa0, 0x00),
];

/// The colour of what is at `place` in its list.
pub(super) const fn colour(place: usize) -> RGBColor {
    COLOURS[place % COLOURS.len()]
}

/// The picture that `draw` draws, this many pixels high; `words` say what it shows.
pub(super) fn picture(
    height: u32,
    words: &str,
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<String, Error> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
    let drawn = draw(&area).and_then(|()| area.present());
    drop(area);
    drawn.map_err(|error| Error::system("draw a plot")(std::io::Error::other(error)))?;
    // The size is the page's matter, and inside HTML no namespace is needed.
    let (_, inside) = text.split_once('>').unwrap_or_default();
    let words = escaped(words);
    Ok(format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{words}\">{inside}"
    ))
}

/// The names of colours, each behind its colour; nothing for one name alone.
pub(super) fn legend<'a>(names: impl Iterator<Item = (usize, &'a str)>) -> String {
    let items: Vec<_> = names.collect();
    if items.len() < 2 {
        return String::new();
    }
    let mut text = "<ul class=\"legend\">".to_owned();
    for (place, name) in items {
        let RGBColor(red, green, blue) = colour(place);
        let name = escaped(name);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "<li><span style=\"background:#{red:02x}{green:02x}{blue:02x}\"></span>{name}</li>"
        );
    }
    text.push_str("</ul>");
    text
}

/// `text` so that it can stand between tags and within quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in plain(text).chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// `text` without control characters, which XML has no way to write.
pub(super) fn plain(text: &str) -> String {
    text.replace(|letter: char| letter.is_control() && letter != '\n', "\u{fffd}")
}
