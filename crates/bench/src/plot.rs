//! Plots on one page of HTML that needs nothing but itself: no scripts, no fonts, nothing from
//! elsewhere.
//! ```text
//! page     heading, introduction, section*
//! section  heading, part*
//! part     text | table | lines (values over time) | bars (ratios with their spread)
//! ```
//! Pictures are inline SVG that scales with the width of the screen, drawn for the width of a
//! phone, so that their letters can be read there. Each says in words what it shows.
//!
//! Always: the page is well-formed XML behind its first line, and names are escaped. The colour
//! of a line or a bar is that of its place in the list, so the same list has the same colours in
//! all pictures of a page; what has no values keeps its place and is not drawn.

mod axis;
mod bars;
mod lines;
mod page;
mod svg;

pub use axis::{Axis, Unit};
pub use bars::{Bars, Group, Spread};
pub use lines::{Line, Lines};
pub use page::{Part, Section, Table, page};

#[cfg(test)]
mod tests;
