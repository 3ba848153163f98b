//! What an evaluation found: at the capacity, by band, by group, and which of the two tools it speaks for.

mod groups;
mod shown;

use super::measure::{Case, Cut, Placed, Ranked, Tally};
use super::truth::{Next, Truth};
use crate::identity::evaluate::groups::{self as small, LEAST};
use std::collections::HashMap;
use walbrook_domain::Day;
use walbrook_view::View;

/// What ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// The points that stand in the view.
    Score,
    /// The simple rules.
    Simple,
}

impl Tool {
    /// Both, the one that must show itself first.
    pub const ALL: [Self; 2] = [Self::Score, Self::Simple];

    /// In words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Score => "the view",
            Self::Simple => "simple rules",
        }
    }
}

/// Of whom a line speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// Adults not yet met bedded down on the index day: those whom prevention is for.
    NotYet,
    /// Every adult, those on the street already among them.
    Everybody,
}

impl Whom {
    /// In words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotYet => "not yet on the street",
            Self::Everybody => "every adult",
        }
    }

    const fn counts(self, next: Next) -> bool {
        match self {
            Self::NotYet => !next.before,
            Self::Everybody => true,
        }
    }
}

/// One tool on one index day, or on all.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Of whom.
    pub whom: Whom,
    /// The index day; `None`: all together.
    pub day: Option<Day>,
    /// The tool.
    pub tool: Tool,
    /// Its sums; `None` where few people would be told of.
    pub tally: Option<Tally>,
}

/// What became of a band, or how a group fared.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Kind of group.
    pub kind: String,
    /// The group.
    pub group: String,
    /// People on index days and how the points in the view fared; `None` where few people would be told of.
    pub score: Option<Tally>,
    /// How the simple rules fared.
    pub simple: Option<Tally>,
    /// Whether shares of those met next may be shown.
    pub next_shown: bool,
}

/// Precision of the first so many, of those not yet on the street.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// How many are seen to on each index day.
    pub capacity: u32,
    /// Of those whom the points in the view put first, met next.
    pub score: Option<f64>,
    /// The same of the simple rules.
    pub simple: Option<f64>,
}

/// Which tool is spoken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The one to use.
    pub ships: Tool,
    /// People found by the points in the view and by the simple rules, on all index days.
    pub found: [f64; 2],
    /// By how many more the points must find to be shown better.
    pub margin: f64,
    /// Too few were met for an answer.
    pub too_few: bool,
}

/// An evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The view.
    pub view: String,
    /// The rules that carry points among the simple ones.
    pub pointed: Vec<String>,
    /// The hash of its file.
    pub sha256: [u8; 32],
    /// People seen to on each index day.
    pub capacity: u32,
    /// Days after the index day.
    pub within: u32,
    /// The index days.
    pub days: Vec<Day>,
    /// Lines by whom, day and tool.
    pub lines: Vec<Line>,
    /// Bands, highest first, then those without a row; of every adult.
    pub bands: Vec<Group>,
    /// Groups of those not yet on the street.
    pub groups: Vec<Group>,
    /// Precision by capacity.
    pub curve: Vec<Point>,
    /// Share of those not yet on the street who are met next.
    pub base_rate: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
}

/// One index day, prepared.
struct AtDay<'a> {
    day: Day,
    next: Vec<(u64, Next)>,
    rows: [HashMap<u64, &'a Placed>; 2],
}

impl AtDay<'_> {
    fn points(&self, tool: Tool, person: u64) -> Option<&Placed> {
        let [score, simple] = &self.rows;
        match tool {
            Tool::Score => score.get(&person),
            Tool::Simple => simple.get(&person),
        }
        .copied()
    }

    fn cut(&self, whom: Whom, tool: Tool, capacity: u32) -> Cut {
        let of_whom = self.next.iter().filter(|(_, next)| whom.counts(*next));
        let points = of_whom.filter_map(|(person, _)| self.points(tool, *person));
        Cut::of(points.map(|row| row.points_hundredths), capacity)
    }

    /// Each person of `whom`, with what the tool does about them.
    fn cases(
        &self,
        whom: Whom,
        tool: Tool,
        capacity: u32,
        within: u32,
    ) -> impl Iterator<Item = (u64, Case)> + '_ {
        let cut = self.cut(whom, tool, capacity);
        let of_whom = self.next.iter().filter(move |(_, next)| whom.counts(*next));
        of_whom.map(move |(person, next)| {
            let row = self.points(tool, *person);
            let case = Case {
                seen_to: row.map_or(0.0, |row| cut.seen_to(row.points_hundredths)),
                next: met(*next, within),
            };
            (*person, case)
        })
    }

    fn tally(&self, whom: Whom, tool: Tool, capacity: u32, within: u32) -> Tally {
        let mut tally = Tally::default();
        for (_, case) in self.cases(whom, tool, capacity, within) {
            tally.add(case);
        }
        tally
    }
}

const fn met(next: Next, within: u32) -> bool {
    if within > 90 {
        next.within_180
    } else {
        next.within_90
    }
}

impl Report {
    /// Holds rows against what came next.
    #[must_use]
    pub fn new(
        truth: &Truth,
        ranked: &[Ranked],
        [view, simple]: [&View; 2],
        capacity: u32,
        within: u32,
    ) -> Self {
        let days: Vec<AtDay<'_>> = ranked
            .iter()
            .map(|ranked| AtDay {
                day: ranked.day,
                next: truth.next(ranked.day).collect(),
                rows: [&ranked.score, &ranked.simple]
                    .map(|rows| rows.iter().map(|row| (row.person, row)).collect()),
            })
            .collect();
        let lines = lines(&days, capacity, within);
        let of = |tool: Tool| {
            let tallies = days
                .iter()
                .map(|day| day.tally(Whom::NotYet, tool, capacity, within));
            tallies.fold(Tally::default(), Tally::and)
        };
        let found = (of(Tool::Score), of(Tool::Simple));
        Self {
            view: view.name.clone(),
            pointed: simple
                .rules
                .iter()
                .filter(|rule| rule.points_hundredths != 0)
                .map(|rule| rule.id.clone())
                .collect(),
            sha256: view.sha256,
            capacity,
            within,
            days: days.iter().map(|day| day.day).collect(),
            lines,
            bands: groups::bands(&days, view, capacity, within),
            groups: groups::groups(&days, truth, capacity, within),
            curve: curve(&days, capacity, within),
            base_rate: found.0.base_rate().filter(|_| found.0.next >= LEAST),
            verdict: Verdict::of(&found.0, &found.1),
        }
    }
}

impl Verdict {
    /// Points for every reason ship only where they find more than the simple rules by twice what chance would make of numbers this large: whoever
    /// computes about people must show that it is better.
    fn of(score: &Tally, simple: &Tally) -> Self {
        let margin = 2.0 * (score.found + simple.found).sqrt();
        let too_few = score.next < LEAST;
        let better = !too_few && score.found - simple.found > margin;
        Self {
            ships: if better { Tool::Score } else { Tool::Simple },
            found: [score.found, simple.found],
            margin,
            too_few,
        }
    }
}

fn lines(days: &[AtDay<'_>], capacity: u32, within: u32) -> Vec<Line> {
    let mut lines = Vec::new();
    for whom in [Whom::NotYet, Whom::Everybody] {
        let of_days: Vec<[Tally; 2]> = days
            .iter()
            .map(|day| Tool::ALL.map(|tool| day.tally(whom, tool, capacity, within)))
            .collect();
        let met: Vec<u64> = of_days.iter().map(|[score, _]| score.next).collect();
        let shown = small::shown(&met);
        for ((day, tallies), shown) in days.iter().zip(&of_days).zip(shown) {
            for (tool, tally) in Tool::ALL.into_iter().zip(tallies) {
                lines.push(Line {
                    whom,
                    day: Some(day.day),
                    tool,
                    tally: shown.then_some(*tally),
                });
            }
        }
        for (place, tool) in Tool::ALL.into_iter().enumerate() {
            let all = of_days.iter().filter_map(|tallies| tallies.get(place));
            let all = all.fold(Tally::default(), |sum, tally| sum.and(*tally));
            lines.push(Line {
                whom,
                day: None,
                tool,
                tally: (all.next >= LEAST).then_some(all),
            });
        }
    }
    lines
}

/// Steps of the curve.
const STEPS: u32 = 24;

fn curve(days: &[AtDay<'_>], capacity: u32, within: u32) -> Vec<Point> {
    let mut points = Vec::new();
    let most = capacity.saturating_mul(3);
    for step in 1..=STEPS {
        let capacity = (most / STEPS).saturating_mul(step).max(1);
        let precision = |tool: Tool| {
            let tallies = days
                .iter()
                .map(|day| day.tally(Whom::NotYet, tool, capacity, within));
            let all = tallies.fold(Tally::default(), Tally::and);
            // A share of fewer people than this tells of them.
            let enough = all.next >= LEAST && all.seen_to >= LEAST as f64;
            all.precision().filter(|_| enough)
        };
        points.push(Point {
            capacity,
            score: precision(Tool::Score),
            simple: precision(Tool::Simple),
        });
    }
    points
}
