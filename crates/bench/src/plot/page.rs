//! The page around the pictures.

use super::bars::Bars;
use super::lines::Lines;
use super::svg::escaped;
use crate::Error;

/// What stands under one heading.
#[derive(Clone, Debug)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What follows it, in this order. Pictures that follow each other stand side by side where
    /// the screen is wide enough.
    pub parts: Vec<Part>,
}

/// A piece of a section.
#[derive(Clone, Debug)]
pub enum Part {
    /// A paragraph.
    Text(String),
    /// A table.
    Table(Table),
    /// Values over time.
    Lines(Lines),
    /// Medians with their spread.
    Bars(Bars),
}

/// A table; where it is too wide for the screen it can be moved sideways.
#[derive(Clone, Debug)]
pub struct Table {
    /// The heads of the columns. The first column is to the left, the others are numbers.
    pub head: Vec<String>,
    /// The rows, of as many cells each.
    pub rows: Vec<Vec<String>>,
}

const STYLE: &str = "\
body{margin:0 auto;padding:1rem;max-width:64rem;background:#fff;color:#222;\
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
h1{font-size:1.5rem;line-height:1.2}h2{font-size:1.2rem;margin-top:2.5rem}\
.plots{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr))}\
figure{margin:0;max-width:36rem}figcaption{font-weight:600}\
svg{display:block;width:100%;height:auto}\
.legend{display:flex;flex-wrap:wrap;gap:0 1rem;margin:0;padding:0;list-style:none}\
.legend span{display:inline-block;width:.8em;height:.8em;margin-right:.4em}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.2rem .6rem;text-align:right;white-space:nowrap;border-bottom:1px solid #ddd}\
th:first-child,td:first-child{text-align:left;padding-left:0}";

/// A page of HTML with everything in it. Paragraphs of `intro` are divided by empty lines.
///
/// # Errors
///
/// [`Error::System`] if a plot cannot be drawn.
pub fn page(title: &str, intro: &str, sections: &[Section]) -> Result<String, Error> {
    let (title, intro) = (escaped(title), paragraphs(intro));
    let sections: Vec<_> = sections.iter().map(Section::html).collect::<Result<_, _>>()?;
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\
         <title>{title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>\n{intro}{}</body></html>\n",
        sections.concat()
    ))
}

fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|text| !text.is_empty());
    paragraphs.map(|text| ["<p>", &escaped(text), "</p>\n"].concat()).collect()
}

impl Section {
    fn html(&self) -> Result<String, Error> {
        let mut html = format!("<section><h2>{}</h2>\n", escaped(&self.title));
        for parts in self.parts.chunk_by(|one, next| one.is_plot() && next.is_plot()) {
            let plots = parts[0].is_plot();
            html.push_str(if plots { "<div class=\"plots\">" } else { "" });
            for part in parts {
                html.push_str(&part.html()?);
            }
            html.push_str(if plots { "</div>\n" } else { "" });
        }
        html.push_str("</section>\n");
        Ok(html)
    }
}

impl Part {
    const fn is_plot(&self) -> bool {
        matches!(self, Self::Lines(_) | Self::Bars(_))
    }

    fn html(&self) -> Result<String, Error> {
        Ok(match self {
            Self::Text(text) => paragraphs(text),
            Self::Table(table) => table.html(),
            Self::Lines(lines) => figure(&lines.title, &lines.axis.label, &lines.html()?),
            Self::Bars(bars) => figure(&bars.title, &bars.axis.label, &bars.html()?),
        })
    }
}

/// A picture under its title and what its values are.
fn figure(title: &str, label: &str, html: &str) -> String {
    let caption = [title, label].map(escaped).join(": ");
    format!("<figure><figcaption>{caption}</figcaption>{html}</figure>\n")
}

impl Table {
    fn html(&self) -> String {
        let row = |cells: &[String], (open, close): (&str, &str)| {
            let cells = cells.iter().map(|cell| [open, &escaped(cell), close].concat());
            ["<tr>", &cells.collect::<String>(), "</tr>\n"].concat()
        };
        let head = row(&self.head, ("<th>", "</th>"));
        let rows: String = self.rows.iter().map(|cells| row(cells, ("<td>", "</td>"))).collect();
        // Who has no mouse reaches its right end by the keyboard.
        format!("<div class=\"wide\" tabindex=\"0\"><table>\n{head}{rows}</table></div>\n")
    }
}
