//! Bars: medians with their spread, in groups.

use super::axis::{Axis, Scale};
use super::svg::{self, Area, Drawn, GRID, INK, LETTERS};
use crate::Error;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Color as _, IntoFont as _, PathElement, Rectangle,
    SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Write as _;

/// Heights in pixels.
const LABEL: u32 = 20;
const BAR: u32 = 17;
const GAP: u32 = 9;
const BELOW: u32 = 26;
const MARGIN: u32 = 6;
/// Half the width of the first number below the axis.
const SIDE: u32 = 18;
/// Room for the number behind a bar, as a share of the axis.
const BEHIND: f64 = 0.16;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, RangedCoordf64>>;

/// Horizontal bars in groups, one below the other.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What they show.
    pub title: String,
    /// The axis of the values.
    pub axis: Axis,
    /// Where bars begin: 1 for ratios. Without it, at the left end of the axis.
    pub reference: Option<f64>,
    /// The names of the bars of each group, each in the colour of its place.
    pub names: Vec<String>,
    /// The groups, from above.
    pub groups: Vec<Group>,
}

/// Bars that belong together.
#[derive(Clone, Debug)]
pub struct Group {
    /// What is written above them.
    pub label: String,
    /// One for each name; `None` where nothing is known.
    pub bars: Vec<Option<Spread>>,
}

/// A bar's end, and how far it was from there in single rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The median, where the bar ends.
    pub median: f64,
    /// The most.
    pub most: f64,
}

impl Bars {
    pub(super) fn html(&self) -> Result<String, Error> {
        let height = self.groups_height() + BELOW + 2 * MARGIN;
        let picture = svg::picture(height, &self.words(), |area| self.draw(area))?;
        let shown = |place: &usize| self.groups.iter().any(|group| group.bar(*place).is_some());
        let named = (0..self.names.len()).filter(shown).map(|place| (place, &*self.names[place]));
        Ok(format!("{picture}{}", svg::legend(named)))
    }

    fn groups_height(&self) -> u32 {
        self.groups.iter().map(Group::height).sum::<u32>().max(BAR)
    }

    fn draw(&self, area: &Area<'_>) -> Drawn {
        let spreads = self.groups.iter().flat_map(|group| group.bars.iter().flatten());
        let values = spreads.flat_map(|bar| [bar.least, bar.median, bar.most]);
        let x = Scale::new(&self.axis, values.chain(self.reference));
        let wide = x.widened(BEHIND);
        let bottom = -f64::from(self.groups_height());
        let mut chart = ChartBuilder::on(area)
            .margin(MARGIN)
            .margin_left(SIDE)
            .x_label_area_size(BELOW)
            .build_cartesian_2d(wide, bottom..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .label_style(LETTERS.into_font().color(&INK))
            .axis_style(GRID)
            .bold_line_style(GRID)
            .draw()?;
        let begin = self.reference.and_then(|value| x.place(value)).unwrap_or(x.from);
        let upright = [(begin, bottom), (begin, 0.0)];
        chart.draw_series([PathElement::new(upright, INK.stroke_width(1))])?;
        let left = x.from + (x.to - x.from) * 0.012;
        let mut top = 0.0;
        for group in &self.groups {
            let style = LETTERS.into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Top));
            chart.draw_series([Text::new(svg::plain(&group.label), (left, top - 4.0), style)])?;
            for (row, (place, bar)) in group.shown().enumerate() {
                let above = top - f64::from(LABEL) - f64::from(BAR) * index(row);
                self.draw_bar(&mut chart, &x, begin, above, (place, bar))?;
            }
            top -= f64::from(group.height());
        }
        Ok(())
    }

    /// One bar from `begin`, with whiskers, and its number behind both.
    fn draw_bar(
        &self,
        chart: &mut Chart<'_, '_>,
        x: &Scale,
        begin: f64,
        above: f64,
        (place, bar): (usize, Spread),
    ) -> Drawn {
        let places = [bar.least, bar.median, bar.most].map(|value| x.place(value));
        let [Some(least), Some(median), Some(most)] = places else { return Ok(()) };
        let below = above - f64::from(BAR);
        let middle = f64::midpoint(above, below);
        let corners = [(begin, above - 2.0), (median, below + 2.0)];
        chart.draw_series([Rectangle::new(corners, svg::colour(place).filled())])?;
        let whiskers = [
            [(least, middle), (most, middle)],
            [(least, above - 5.0), (least, below + 5.0)],
            [(most, above - 5.0), (most, below + 5.0)],
        ];
        chart.draw_series(whiskers.map(|line| PathElement::new(line, INK.stroke_width(1))))?;
        let behind = begin.max(most) + (x.to - x.from) * 0.012;
        let style = LETTERS.into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        let number = self.axis.unit.text(bar.median);
        chart.draw_series([Text::new(number, (behind, middle), style)])?;
        Ok(())
    }

    /// The picture in a sentence for each group.
    fn words(&self) -> String {
        let mut words = format!("{}, {}.", self.title, self.axis.label);
        for group in &self.groups {
            let bars = group.shown().map(|(place, bar)| {
                let [least, median, most] =
                    [bar.least, bar.median, bar.most].map(|value| self.axis.unit.text(value));
                let name = self.names.get(place).map_or("", String::as_str);
                format!("{name} {median} ({least} to {most})")
            });
            // Writing to a String cannot fail.
            let _ = write!(words, " {}: {}.", group.label, bars.collect::<Vec<_>>().join(", "));
        }
        words
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful of bars")]
const fn index(row: usize) -> f64 {
    row as f64
}

impl Group {
    fn height(&self) -> u32 {
        LABEL + GAP + self.shown().map(|_| BAR).sum::<u32>()
    }

    fn bar(&self, place: usize) -> Option<Spread> {
        self.bars.get(place).copied().flatten()
    }

    /// The bars that there are, with their places.
    fn shown(&self) -> impl Iterator<Item = (usize, Spread)> {
        self.bars.iter().enumerate().filter_map(|(place, bar)| Some((place, (*bar)?)))
    }
}
