//! Lines: values over time.

use super::axis::{Axis, Scale};
use super::svg::{self, Area, Drawn, GRID, INK, LETTERS};
use crate::Error;
use plotters::prelude::{ChartBuilder, Circle, Color as _, IntoFont as _, LineSeries};
use std::fmt::Write as _;

const HEIGHT: u32 = 250;
/// Room for the numbers of the axes.
const LEFT: u32 = 58;
const BELOW: u32 = 40;

/// Several lines in one picture.
#[derive(Clone, Debug)]
pub struct Lines {
    /// What it shows.
    pub title: String,
    /// The axis of the values; that of time has seconds.
    pub axis: Axis,
    /// The lines, each in the colour of its place.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Seconds and values, seconds rising. A value that cannot be shown, such as NaN, is a gap.
    pub points: Vec<(f64, f64)>,
}

impl Lines {
    pub(super) fn html(&self) -> Result<String, Error> {
        let picture = svg::picture(HEIGHT, &self.words(), |area| self.draw(area))?;
        let named = self.shown().map(|(place, line)| (place, line.name.as_str()));
        Ok(format!("{picture}{}", svg::legend(named)))
    }

    /// The lines that have points, with their places.
    fn shown(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().filter(|(_, line)| !line.points.is_empty())
    }

    fn draw(&self, area: &Area<'_>) -> Drawn {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Scale::of_seconds(points().map(|point| point.0));
        let y = Scale::new(&self.axis, points().map(|point| point.1));
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(14)
            .x_label_area_size(BELOW)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .label_style(LETTERS.into_font().color(&INK))
            .axis_style(INK)
            .bold_line_style(GRID)
            .x_desc("seconds")
            .draw()?;
        for (place, line) in self.shown() {
            let colour = svg::colour(place);
            for stretch in stretches(&x, &y, &line.points) {
                if let [alone] = stretch[..] {
                    chart.draw_series([Circle::new(alone, 2, colour.filled())])?;
                }
                chart.draw_series(LineSeries::new(stretch, colour.stroke_width(2)))?;
            }
        }
        Ok(())
    }

    /// The picture in a sentence for each line.
    fn words(&self) -> String {
        let mut words = format!("{}, {} over time.", self.title, self.axis.label);
        for (_, line) in self.shown() {
            let mut values: Vec<_> =
                line.points.iter().map(|point| point.1).filter(|value| value.is_finite()).collect();
            values.sort_by(f64::total_cmp);
            let (Some(least), Some(most)) = (values.first(), values.last()) else { continue };
            let middle = values[values.len() / 2];
            let [least, middle, most] =
                [*least, middle, *most].map(|value| self.axis.unit.text(value));
            let name = &line.name;
            // Writing to a String cannot fail.
            let _ = write!(words, " {name}: least {least}, median {middle}, most {most}.");
        }
        words
    }
}

/// The places of `points`, cut where one cannot be shown.
fn stretches(x: &Scale, y: &Scale, points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let mut stretches = vec![Vec::new()];
    for (second, value) in points {
        match x.place(*second).zip(y.place(*value)) {
            Some(place) => stretches.last_mut().into_iter().for_each(|last| last.push(place)),
            None => stretches.push(Vec::new()),
        }
    }
    stretches.retain(|stretch| !stretch.is_empty());
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Unit;

    #[test]
    fn a_value_that_cannot_be_shown_cuts_the_line() {
        let axis = Axis { label: String::new(), unit: Unit::Count, log: true };
        let scale = Scale::new(&axis, [1.0, 100.0].into_iter());
        let points = [(1.0, 0.0), (1.0, 10.0), (10.0, 10.0), (10.0, f64::NAN), (100.0, 1.0)];
        let cut = stretches(&scale, &scale, &points);
        assert_eq!(cut, [vec![(0.0, 1.0), (1.0, 1.0)], vec![(2.0, 0.0)]]);
    }
}
