//! Tenancies, what is owed on them, and the way to eviction.

use super::super::chance::{weighted, whether};
use super::super::diary::{Diary, Note, date};
use super::council;
use crate::publish::Body;
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::housing::v1::{
    PossessionNotice, RentArrearsChanged, TenancyEnded, TenancyStarted, event::Body as Housing,
};

/// The registered provider of the city.
const PROVIDER: &str = "LANDLORD:river-homes";
/// Lettings, of social tenancies a year, in hundredths: ours.
const LETTINGS_HUNDREDTHS: i32 = 5;

/// A social tenancy.
pub(in super::super) struct Home {
    landlord: &'static str,
    code: String,
    started: Day,
    weekly_pence: i64,
}

impl Home {
    /// The tenancy of somebody who holds a social home.
    pub fn of(diary: &mut Diary<'_>) -> Self {
        // Rather more than half of social homes are the council's: ours.
        let landlord = if whether(&mut diary.rng, 0.55) {
            council(diary.soul)
        } else {
            PROVIDER
        };
        let days = diary.span.to.0 - diary.span.from.0 + 1;
        let ago = diary.rng.random_range(0..36_525 / LETTINGS_HUNDREDTHS);
        Self {
            landlord,
            code: diary.reference('T', 0),
            started: diary.span.from.plus(days - ago),
            weekly_pence: diary.rng.random_range(11_000..19_000),
        }
    }

    fn council_owned(&self) -> bool {
        self.landlord.starts_with("GSS:")
    }

    /// Tells the letting, if it is of these days.
    pub fn begins(&self, diary: &mut Diary<'_>) {
        if self.started < diary.span.from || self.started > diary.span.to {
            return;
        }
        let soul = diary.soul;
        let (reason, prevten) = weighted(
            &mut diary.rng,
            &[
                (("9", "28"), 30),
                (("13", "32"), 20),
                (("12", "31"), 20),
                (("50", "3"), 20),
                (("45", "29"), 3),
                (("28", "19"), 2),
                (("49", "21"), 5),
            ],
            ("28", "25"),
        );
        let homeless = matches!(prevten, "19" | "21" | "29") || whether(&mut diary.rng, 0.25);
        let area = super::council_code(soul);
        let people = i32::try_from(soul.adults + soul.children)
            .unwrap_or(1)
            .clamp(1, 15);
        let benefit = whether(&mut diary.rng, 0.6);
        let charge = self.weekly_pence;
        let shortfall = if benefit {
            diary.rng.random_range(0..charge / 4)
        } else {
            charge
        };
        let letting = TenancyStarted {
            tenancycode: self.code.clone(),
            propcode: None,
            la: Some(area.into()),
            prevloc: Some(area.into()),
            startdate: Some(date(self.started)),
            needstype: "1".into(),
            renttype: Some(weighted(&mut diary.rng, &[("1", 8), ("2", 2)], "1").into()),
            tenancy: None,
            renewal: false,
            reason: Some(reason.into()),
            prevten: Some(prevten.into()),
            homeless: Some(if homeless { "11" } else { "1" }.into()),
            armedforces: Some("2".into()),
            leftreg: None,
            voiddate: Some(date(self.started.plus(-diary.rng.random_range(5..60)))),
            tcharge_pence: Some(charge),
            tshortfall_pence: Some(shortfall),
            period: Some("1".into()),
            hhmemb: Some(people),
            beds: Some((people + 1) / 2),
            referral_register: None,
        };
        let body = Body::Housing(Housing::TenancyStarted(letting));
        diary.tell(Note::on(self.landlord, self.started), body);
    }

    /// Rent goes unpaid from a day on, told every four weeks; most catch up, a few lose the home.
    pub fn falls_behind(&self, diary: &mut Diary<'_>, first: Day) {
        diary.course("arrears");
        let (mut owed, mut day) = (
            diary.rng.random_range(1..5_i32),
            first.max(self.started.plus(56)),
        );
        let mut stage = 0;
        while owed > 0 && day <= diary.span.beyond() {
            self.owes(diary, day, owed);
            if owed >= 13 && stage < STAGES.len() {
                self.stage(diary, day.plus(1), stage);
                if stage + 1 == STAGES.len() {
                    self.ends(diary, day.plus(8), "EVICTED_ARREARS", owed);
                    diary.course("evicted");
                    return;
                }
                stage += usize::from(whether(&mut diary.rng, 0.55));
            }
            owed += diary.rng.random_range(-4..5);
            day = day.plus(28);
        }
        self.owes(diary, day, 0);
    }

    fn owes(&self, diary: &mut Diary<'_>, day: Day, weeks: i32) {
        let shortfall = whether(&mut diary.rng, 0.6).then(|| diary.rng.random_range(0..6_000));
        let changed = RentArrearsChanged {
            tenancy_ref: self.code.clone(),
            landlord_type: if self.council_owned() { "LA" } else { "PRP" }.into(),
            arrears_pence: self.weekly_pence * i64::from(weeks),
            owed_weeks: Some(weeks),
            shortfall_pence: shortfall,
            contact_made: whether(&mut diary.rng, 0.7),
            owed_months: None,
        };
        let body = Body::Housing(Housing::RentArrearsChanged(changed));
        diary.tell(Note::on(self.landlord, day), body);
    }

    fn stage(&self, diary: &mut Diary<'_>, day: Day, stage: usize) {
        let served = day.plus(-45 * i32::try_from(stage).unwrap_or(0));
        let (kind, grounds) = if self.council_owned() {
            ("S83", vec!["1"])
        } else {
            ("S8", vec!["8", "10", "11"])
        };
        let notice = PossessionNotice {
            tenancy_ref: Some(self.code.clone()),
            notice_type: kind.into(),
            grounds: grounds.into_iter().map(str::to_owned).collect(),
            served_on: Some(date(served)),
            expires_on: Some(date(served.plus(29))),
            stage: STAGES.get(stage).copied().unwrap_or("NOTICE").into(),
        };
        let body = Body::Housing(Housing::PossessionNotice(notice));
        diary.tell(Note::on(self.landlord, day), body);
    }

    fn ends(&self, diary: &mut Diary<'_>, day: Day, reason: &str, weeks: i32) {
        let ended = TenancyEnded {
            tenancycode: self.code.clone(),
            propcode: None,
            startdate: Some(date(self.started.min(day))),
            enddate: Some(date(day)),
            end_reason: reason.into(),
            arrears_pence: Some(self.weekly_pence * i64::from(weeks)),
        };
        let body = Body::Housing(Housing::TenancyEnded(ended));
        diary.tell(Note::on(self.landlord, day), body);
    }
}

const STAGES: [&str; 5] = ["NOTICE", "CLAIM", "ORDER", "WARRANT", "EVICTED"];

/// A social tenancy that ended in an eviction on a day, with the year that led to it.
pub(in super::super) fn evicted(diary: &mut Diary<'_>, day: Day) {
    let mut home = Home::of(diary);
    home.started = home.started.min(day.plus(-500));
    diary.course("arrears");
    diary.course("evicted");
    for month in 0..10_i32 {
        home.owes(diary, day.plus(-8 - 28 * (10 - month)), 4 + 2 * month);
    }
    for (stage, ago) in [170, 120, 80, 30, 0].into_iter().enumerate() {
        home.stage(diary, day.plus(-ago), stage);
    }
    home.ends(diary, day, "EVICTED_ARREARS", 24);
}

/// A private landlord's notice of which the council is told; where the home is `lost`, the eviction too.
pub(in super::super) fn private_notice(diary: &mut Diary<'_>, served: Day, lost: bool) {
    let council = council(diary.soul);
    let tenancy = diary.reference('P', 0);
    // Section 21 fell away on 1 May 2026; grounds to sell and to move in have had a number and four months' notice since.
    let old = served.ymd() < (2026, 5, 1);
    let kinds: &[((&str, &str, i32), u32)] = if old {
        &[(("S21_LEGACY", "", 62), 7), (("S8", "8", 29), 3)]
    } else {
        &[
            (("S8", "1A", 125), 5),
            (("S8", "1", 125), 2),
            (("S8", "8", 29), 3),
        ]
    };
    let (kind, ground, days) = weighted(&mut diary.rng, kinds, ("S8", "8", 29));
    let mut stages = vec![("NOTICE", 0)];
    if lost {
        stages.extend([("ORDER", days + 20), ("EVICTED", days + 50)]);
    }
    for (stage, after) in stages {
        let notice = PossessionNotice {
            tenancy_ref: Some(tenancy.clone()),
            notice_type: kind.into(),
            grounds: Some(ground.to_owned())
                .filter(|ground| !ground.is_empty())
                .into_iter()
                .collect(),
            served_on: Some(date(served)),
            expires_on: Some(date(served.plus(days))),
            stage: stage.into(),
        };
        let body = Body::Housing(Housing::PossessionNotice(notice));
        diary.tell(Note::on(council, served.plus(after)), body);
    }
}
