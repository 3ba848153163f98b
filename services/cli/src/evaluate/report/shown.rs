//! The report as text and as JSON.

use super::{Group, Report, Tool, Whom};
use crate::evaluate::measure::Tally;
use crate::identity::evaluate::groups::LEAST;
use crate::table::{numbers, table};
use serde_json::{Value as Json, json};

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{:.2} %", value * 100.0))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"))
}

impl Report {
    /// What follows, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let pointed = self.pointed.join(", ");
        let [score, simple] = self.verdict.found;
        if self.verdict.too_few {
            return format!(
                "Fewer than {LEAST} people were met on the street next: nothing can be said of the points in the view. Use the simple rules: {pointed}."
            );
        }
        let found = format!(
            "Of those not yet on the street the points in the view find {score:.1} with {} places on each of {} index days, the simple rules {simple:.1}; twice \
             what chance makes of such numbers is {:.1}.",
            self.capacity,
            self.days.len(),
            self.verdict.margin
        );
        match self.verdict.ships {
            Tool::Score => format!(
                "{found} The points in the view are better than the simple rules ({pointed}): keep them."
            ),
            Tool::Simple => format!(
                "{found} The points in the view are not shown to be better than the simple rules: put those there, {pointed}."
            ),
        }
    }

    /// The tables.
    #[must_use]
    pub fn rendered(&self) -> String {
        let mut out = format!(
            "{}, met bedded down within {} days after the end of the index day; {} places. Ties are told as what chance among them gives.\n",
            self.view, self.within, self.capacity
        );
        out += &self.lines_table();
        out += "\nCalibration: everybody by the band in the view\n";
        out += &bands_table(&self.bands);
        out += "\nErrors by group, of those not yet on the street: missed = met next and not seen to (false negatives), in vain = seen to and not met \
                (false positives)\n";
        out += &groups_table(&self.groups);
        out += &format!(
            "Not shown (–): what would tell of fewer than {LEAST} people, by itself or taken from a total.\n"
        );
        if let Some(days) = self.overlap() {
            out += &format!(
                "Two index days are {days} days apart, less than the {} that follow each: some people are met once and counted twice.\n",
                self.within
            );
        }
        out + "\n" + &self.sentence() + "\n"
    }

    /// Days between the two index days closest to each other, if their labels overlap.
    fn overlap(&self) -> Option<i32> {
        let apart = self.days.iter().zip(self.days.iter().skip(1));
        apart
            .map(|(a, b)| b.0 - a.0)
            .min()
            .filter(|days| i64::from(*days) < i64::from(self.within))
    }

    fn lines_table(&self) -> String {
        let mut rows = table([
            "of",
            "index day",
            "tool",
            "people",
            "met next",
            "base rate",
            "seen to",
            "found",
            "precision",
            "recall",
            "lift",
        ]);
        numbers(&mut rows, 3..11);
        for line in &self.lines {
            let mut cells = vec![
                line.whom.word().to_owned(),
                line.day
                    .map_or_else(|| "all".to_owned(), |day| day.to_string()),
                line.tool.word().to_owned(),
            ];
            match &line.tally {
                Some(tally) => cells.extend([
                    tally.people.to_string(),
                    tally.next.to_string(),
                    percent(tally.base_rate()),
                    number(Some(tally.seen_to)),
                    number(Some(tally.found)),
                    percent(tally.precision()),
                    percent(tally.recall()),
                    number(tally.lift()),
                ]),
                None => cells.extend(std::iter::repeat_n("–".to_owned(), 8)),
            }
            rows.add_row(cells);
        }
        format!("{rows}\n")
    }

    /// All of it as JSON. What may not be shown is null.
    #[must_use]
    pub fn json(&self) -> Json {
        let lines = self.lines.iter().map(|line| {
            json!({
                "of": line.whom.word(), "index_day": line.day.map(|day| day.to_string()), "tool": line.tool.word(),
                "figures": line.tally.as_ref().map(figures),
            })
        });
        let group = |group: &Group| {
            let tally = |tally: &Option<Tally>| {
                tally
                    .as_ref()
                    .map(|tally| by_group(tally, group.next_shown))
            };
            json!({ "kind": group.kind, "group": group.group, "view": tally(&group.score), "simple_rules": tally(&group.simple) })
        };
        let curve = self.curve.iter().map(
            |point| json!({ "capacity": point.capacity, "view": point.score, "simple_rules": point.simple }),
        );
        json!({
            "view": self.view, "view_sha256": hex::encode(self.sha256), "capacity": self.capacity, "within_days": self.within,
            "index_days": self.days.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "lines": lines.collect::<Vec<_>>(), "bands": self.bands.iter().map(group).collect::<Vec<_>>(),
            "groups": self.groups.iter().map(group).collect::<Vec<_>>(), "curve": curve.collect::<Vec<_>>(),
            "base_rate": self.base_rate,
            "verdict": { "use": self.verdict.ships.word(), "sentence": self.sentence() },
        })
    }

    /// The figures of one tool on all index days, of those not yet on the street.
    #[must_use]
    pub fn overall(&self, tool: Tool) -> Option<&Tally> {
        let mut lines = self.lines.iter();
        let line = lines
            .find(|line| line.whom == Whom::NotYet && line.day.is_none() && line.tool == tool)?;
        line.tally.as_ref()
    }
}

fn figures(tally: &Tally) -> Json {
    json!({
        "people": tally.people, "met_next": tally.next, "base_rate": tally.base_rate(), "seen_to": tally.seen_to, "found": tally.found,
        "precision": tally.precision(), "recall": tally.recall(), "lift": tally.lift(),
    })
}

fn by_group(tally: &Tally, next_shown: bool) -> Json {
    json!({
        "people": tally.people, "met_next": next_shown.then_some(tally.next), "rate": tally.base_rate().filter(|_| next_shown),
        "missed": tally.missed().filter(|_| next_shown), "in_vain": tally.in_vain().filter(|_| next_shown),
    })
}

fn bands_table(bands: &[Group]) -> String {
    let mut rows = table(["band", "people", "met next", "rate"]);
    numbers(&mut rows, 1..4);
    for band in bands {
        let tally = band.score.unwrap_or_default();
        let (people, next) = (band.score.is_some(), band.next_shown);
        let count = |number: u64, shown: bool| {
            if shown {
                number.to_string()
            } else {
                "–".to_owned()
            }
        };
        rows.add_row([
            band.group.clone(),
            count(tally.people, people),
            count(tally.next, next),
            percent(tally.base_rate().filter(|_| next)),
        ]);
    }
    format!("{rows}\n")
}

fn groups_table(groups: &[Group]) -> String {
    let mut rows = table([
        "",
        "group",
        "people",
        "met next",
        "the view: missed",
        "in vain",
        "simple rules: missed",
        "in vain",
    ]);
    numbers(&mut rows, 2..8);
    let mut kind = "";
    for group in groups {
        let first = if group.kind == kind { "" } else { &group.kind };
        kind = &group.kind;
        let mut cells = vec![first.to_owned(), group.group.clone()];
        let people = group.score.map(|tally| tally.people.to_string());
        let next = group.score.filter(|_| group.next_shown);
        cells.push(people.unwrap_or_else(|| "–".to_owned()));
        cells.push(next.map_or_else(|| "–".to_owned(), |tally| tally.next.to_string()));
        for tally in [group.score, group.simple] {
            let tally = tally.filter(|_| group.next_shown);
            cells.push(percent(tally.and_then(|tally| tally.missed())));
            cells.push(percent(tally.and_then(|tally| tally.in_vain())));
        }
        rows.add_row(cells);
    }
    format!("{rows}\n")
}
