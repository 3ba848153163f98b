//! The report as a chart: precision by capacity of both tools, and below it what became of each band.

use super::report::{Group, Point, Report};
use std::fmt::Write as _;

const WIDTH: f64 = 880.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 100.0;
const CURVE: f64 = 260.0;
const ROW: f64 = 26.0;
/// Colours that people with any colour vision tell apart; the shapes differ as well.
const SCORE: &str = "#0072b2";
const SIMPLE: &str = "#d55e00";

/// A line of the curve: its colour, whether its marks are round, and the share at a point.
type Line = (&'static str, bool, fn(&Point) -> Option<f64>);

/// The chart as SVG. The figures of the bands stand in it as text too.
#[must_use]
pub fn svg(report: &Report) -> String {
    let height = TOP + CURVE + 110.0 + ROW * report.bands.len() as f64;
    let title = format!(
        "{}: met bedded down within {} days",
        report.view, report.within
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"title desc\" font-family=\"sans-serif\" font-size=\"13\">\n<title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escaped(&title),
        escaped(&report.sentence())
    );
    text(&mut out, (16.0, 28.0), "start", "bold", &title);
    let legend = [
        (
            SCORE,
            true,
            "points in the view: of the first so many, met next",
        ),
        (SIMPLE, false, "simple rules"),
    ];
    for ((colour, round, words), x) in legend.into_iter().zip([24.0, 420.0]) {
        mark(&mut out, (x, 52.0), colour, round);
        text(&mut out, (x + 12.0, 56.0), "start", "normal", words);
    }
    curve(&mut out, report);
    bands(&mut out, report, TOP + CURVE + 76.0);
    out.push_str("</svg>\n");
    out
}

/// The largest share on an axis that holds all of these: the next twentieth.
fn top(shares: impl Iterator<Item = f64>) -> f64 {
    let most = shares.fold(0.0_f64, f64::max);
    ((most * 20.0).ceil() / 20.0).max(0.05)
}

fn curve(out: &mut String, report: &Report) {
    let shares = report
        .curve
        .iter()
        .flat_map(|point| [point.score, point.simple]);
    let top = top(shares.flatten());
    let most = report.curve.last().map_or(1, |point| point.capacity);
    let x = |capacity: u32| LEFT + (WIDTH - LEFT - RIGHT) * f64::from(capacity) / f64::from(most);
    let y = |share: f64| TOP + CURVE * (1.0 - share / top);
    for step in 0..=4 {
        let share = top * f64::from(step) / 4.0;
        let (at, end) = (y(share), WIDTH - RIGHT);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/>"
        );
        let words = format!("{:.1} %", share * 100.0);
        text(out, (LEFT - 10.0, at + 4.0), "end", "normal", &words);
    }
    for capacity in [report.capacity, most] {
        let at = (x(capacity), TOP + CURVE + 20.0);
        text(out, at, "middle", "normal", &format!("{capacity} places"));
    }
    let at = x(report.capacity);
    let bottom = TOP + CURVE;
    let _ = writeln!(
        out,
        "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"#999999\" stroke-dasharray=\"4 4\"/>"
    );
    if let Some(base) = report.base_rate {
        let (at, words) = (y(base), "by chance");
        let end = WIDTH - RIGHT;
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#222222\" stroke-dasharray=\"2 3\"/>"
        );
        text(out, (end, at - 6.0), "end", "normal", words);
    }
    let lines: [Line; 2] = [
        (SCORE, true, |point| point.score),
        (SIMPLE, false, |point| point.simple),
    ];
    for (colour, round, share) in lines {
        let shown = report
            .curve
            .iter()
            .filter_map(|point| Some((x(point.capacity), y(share(point)?))));
        let places: Vec<(f64, f64)> = shown.collect();
        let path: Vec<String> = places
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let path = path.join(" ");
        let _ = writeln!(
            out,
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        for place in places {
            mark(out, place, colour, round);
        }
    }
}

fn bands(out: &mut String, report: &Report, from: f64) {
    text(
        out,
        (16.0, from - 12.0),
        "start",
        "bold",
        "Of everybody in a band, met next",
    );
    let rate = |band: &Group| {
        let tally = band.score.filter(|_| band.next_shown)?;
        tally.base_rate()
    };
    let top = top(report.bands.iter().filter_map(rate));
    let mut middle = from + ROW / 2.0;
    for band in &report.bands {
        text(
            out,
            (LEFT + 20.0, middle + 4.0),
            "end",
            "normal",
            &band.group,
        );
        let left = LEFT + 32.0;
        match rate(band) {
            Some(rate) => {
                let width = (WIDTH - left - 220.0) * rate / top;
                let y = middle - 8.0;
                let _ = writeln!(
                    out,
                    "<rect x=\"{left}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\" fill=\"{SCORE}\"/>"
                );
                let people = band.score.map_or(0, |tally| tally.people);
                let words = format!("{:.2} % of {people}", rate * 100.0);
                text(
                    out,
                    (left + width + 8.0, middle + 4.0),
                    "start",
                    "normal",
                    &words,
                );
            }
            None => text(
                out,
                (left, middle + 4.0),
                "start",
                "normal",
                "not shown: few people",
            ),
        }
        middle += ROW;
    }
}

fn mark(out: &mut String, (x, y): (f64, f64), colour: &str, round: bool) {
    let _ = if round {
        writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>"
        )
    } else {
        let (x, y) = (x - 4.0, y - 4.0);
        writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"8\" height=\"8\" fill=\"{colour}\"/>"
        )
    };
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, weight: &str, words: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-weight=\"{weight}\" fill=\"#222222\">{}</text>",
        escaped(words)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
