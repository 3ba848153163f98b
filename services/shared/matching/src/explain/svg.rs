//! The waterfall as a drawing.

use super::{Waterfall, bits, probability};
use std::fmt::Write;

const WIDTH: i32 = 760;
const LABELS: i32 = 300;
const ROW: i32 = 28;
const TOP: i32 = 56;

impl Waterfall {
    /// An SVG document: one bar a row, from where the sum stood to where it came, evidence for in blue, against in orange; each bar carries its number
    /// as text, so that nothing is said by colour alone.
    pub fn svg(&self) -> String {
        let rows = self.rows();
        let mut sums = vec![(0, self.prior)];
        let mut so_far = self.prior;
        for step in &self.steps {
            let next = so_far + step.millibits + step.rarity_millibits;
            sums.push((so_far, next));
            so_far = next;
        }
        sums.push((0, self.total));
        let least = sums
            .iter()
            .flat_map(|(from, to)| [*from, *to])
            .min()
            .unwrap_or(0)
            .min(0);
        let most = sums
            .iter()
            .flat_map(|(from, to)| [*from, *to])
            .max()
            .unwrap_or(0)
            .max(1);
        let span = (most - least).max(1);
        let x = |millibits: i32| LABELS + 20 + (millibits - least) * (WIDTH - LABELS - 90) / span;
        let height = TOP + ROW * i32::try_from(rows.len()).unwrap_or(0) + 20;
        let title = format!(
            "Evidence that two records are the same person: probability {}",
            probability(self.probability)
        );
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"title description\" \
             font-family=\"sans-serif\" font-size=\"13\">\n<title id=\"title\">{title}</title>\n<desc id=\"description\">"
        );
        for [what, how, added, _] in &rows {
            let _ = write!(out, "{what}: {how} {added}. ");
        }
        let _ = write!(
            out,
            "</desc>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n<text x=\"12\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{title}</text>\n\
             <text x=\"12\" y=\"42\" fill=\"#444444\">Bits of evidence; each bit doubles the odds. Model {}.</text>\n\
             <line x1=\"{zero}\" y1=\"{TOP}\" x2=\"{zero}\" y2=\"{}\" stroke=\"#767676\"/>\n",
            self.model,
            height - 16,
            zero = x(0),
        );
        for (index, (row, (from, to))) in rows.iter().zip(&sums).enumerate() {
            let [what, how, added, sum] = row;
            let top = TOP + ROW * i32::try_from(index).unwrap_or(0);
            let (left, right) = (x(*from.min(to)), x(*from.max(to)));
            let colour = if to >= from { "#1d5ea8" } else { "#b4500b" };
            let label = if how.is_empty() {
                what.clone()
            } else {
                format!("{what}: {how}")
            };
            let number = if added.is_empty() { sum } else { added };
            let _ = writeln!(
                out,
                "<g><text x=\"12\" y=\"{}\" font-size=\"12\">{label}</text><rect x=\"{left}\" y=\"{}\" width=\"{}\" height=\"18\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"{}\">{number}</text></g>",
                top + 18,
                top + 4,
                (right - left).max(1),
                right + 6,
                top + 18,
            );
        }
        let _ = writeln!(out, "<!-- total {} -->\n</svg>", bits(self.total));
        out
    }
}
