//! The report as a chart: precision and recall of each group as two points on one line, so that a group that fares worse stands out.

use super::report::{Line, share};
use std::fmt::Write as _;

const WIDTH: usize = 880;
const LEFT: usize = 260;
const RIGHT: usize = 150;
const ROW: usize = 26;
const TOP: usize = 92;
/// Colours that people with any colour vision tell apart; the shapes differ as well.
const PRECISION: &str = "#0072b2";
const RECALL: &str = "#d55e00";

/// The chart as SVG. Every figure stands in it as text too.
#[must_use]
pub fn svg(lines: &[Line], title: &str) -> String {
    let height = TOP + ROW * lines.len() + 48;
    let least = least(lines);
    let place =
        |value: f64| LEFT as f64 + (value - least) / (1.0 - least) * (WIDTH - LEFT - RIGHT) as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"title desc\" font-family=\"sans-serif\" font-size=\"13\">\n<title id=\"title\">{}</title>\n\
         <desc id=\"desc\">Precision and recall of pairs, for everybody and by group. Groups of few people are not shown.</desc>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escaped(title)
    );
    text(&mut out, 16.0, 28, "start", "bold", title);
    mark(&mut out, 24.0, 52, PRECISION, true);
    text(
        &mut out,
        36.0,
        56,
        "start",
        "normal",
        "precision: of the pairs linked, those of one person",
    );
    mark(&mut out, 384.0, 52, RECALL, false);
    text(
        &mut out,
        396.0,
        56,
        "start",
        "normal",
        "recall: of the pairs of one person, those linked",
    );
    for step in 0..=4 {
        let value = least + (1.0 - least) * f64::from(step) / 4.0;
        let (x, bottom) = (place(value), TOP + ROW * lines.len());
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\" stroke=\"#dddddd\"/>",
            TOP - 8
        );
        text(
            &mut out,
            x,
            bottom + 20,
            "middle",
            "normal",
            &format!("{value:.3}"),
        );
    }
    for (at, line) in lines.iter().enumerate() {
        let middle = TOP + ROW * at + ROW / 2;
        let name = if line.kind.is_empty() {
            line.group.clone()
        } else {
            format!("{}: {}", line.kind.replace('_', " "), line.group)
        };
        text(
            &mut out,
            (LEFT - 14) as f64,
            middle + 4,
            "end",
            if line.kind.is_empty() {
                "bold"
            } else {
                "normal"
            },
            &name,
        );
        let Some(figures) = &line.shown else {
            text(
                &mut out,
                LEFT as f64,
                middle + 4,
                "start",
                "normal",
                "not shown: few people",
            );
            continue;
        };
        let points = (figures.pairs.precision, figures.pairs.recall);
        if let (Some(precision), Some(recall)) = points {
            let (a, b) = (place(precision), place(recall));
            let _ = writeln!(
                out,
                "<line x1=\"{a:.1}\" x2=\"{b:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#999999\"/>"
            );
        }
        points
            .0
            .into_iter()
            .for_each(|value| mark(&mut out, place(value), middle, PRECISION, true));
        points
            .1
            .into_iter()
            .for_each(|value| mark(&mut out, place(value), middle, RECALL, false));
        let both = format!("{} / {}", share(points.0), share(points.1));
        text(
            &mut out,
            (WIDTH - RIGHT + 16) as f64,
            middle + 4,
            "start",
            "normal",
            &both,
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Where the axis begins: the twentieth below the least figure. The points are compared with each other, not with nothing.
fn least(lines: &[Line]) -> f64 {
    let shown = lines.iter().filter_map(|line| line.shown.as_ref());
    let values = shown
        .flat_map(|figures| [figures.pairs.precision, figures.pairs.recall])
        .flatten();
    let lowest = values.fold(1.0_f64, f64::min);
    ((lowest * 20.0).floor() / 20.0).clamp(0.0, 0.9)
}

fn mark(out: &mut String, x: f64, y: usize, colour: &str, round: bool) {
    let _ = if round {
        writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"5\" fill=\"{colour}\"/>"
        )
    } else {
        writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{}\" width=\"9\" height=\"9\" fill=\"{colour}\"/>",
            x - 4.5,
            y.saturating_sub(4)
        )
    };
}

fn text(out: &mut String, x: f64, y: usize, anchor: &str, weight: &str, words: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\" font-weight=\"{weight}\" fill=\"#222222\">{}</text>",
        escaped(words)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
