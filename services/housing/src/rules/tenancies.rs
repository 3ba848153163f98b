//! Rules of tenancies that begin and end, after the lettings log CORE, and of stays in hostels.

use walbrook_agency::{Context, Findings, Rule, facts};
use walbrook_proto::housing::v1::{HostelStay, TenancyEnded, TenancyStarted};

use super::duties::{END_AND_REASON, gss};
use super::{AMOUNT_NEGATIVE, ARREARS_UNLIKELY, MOST_LIKELY_PENCE};

/// A letting nobody knows the area of.
pub static LETTING_WITHOUT_AREA: Rule = Rule::query(
    "LETTING_WITHOUT_AREA",
    "A letting names the authority in whose area the property is.",
    "MHCLG CORE lettings log, la",
);

/// A property that became empty after it was let.
pub static VOID_AFTER_START: Rule = Rule::query(
    "VOID_AFTER_START",
    "The property became empty no later than the tenancy began.",
    "MHCLG CORE lettings log, voiddate",
);

/// A household or a home of a size that the log does not know.
pub static SIZE_OUT_OF_RANGE: Rule = Rule::query(
    "SIZE_OUT_OF_RANGE",
    "A household has 1 to 15 members and a home 1 to 12 bedrooms.",
    "MHCLG CORE lettings log, hhmemb and beds",
);

/// More left to pay than is charged.
pub static SHORTFALL_ABOVE_CHARGE: Rule = Rule::query(
    "SHORTFALL_ABOVE_CHARGE",
    "What benefits leave to pay is no more than the rent and charges.",
    "MHCLG CORE lettings log, tshortfall",
);

/// An amount for an unknown time.
pub static CHARGE_WITHOUT_PERIOD: Rule = Rule::query(
    "CHARGE_WITHOUT_PERIOD",
    "Rent, charges and shortfall say for which period they are.",
    "MHCLG CORE lettings log, period",
);

/// A question that was not asked.
pub static LEFTREG_NOT_ASKED: Rule = Rule::query(
    "LEFTREG_NOT_ASKED",
    "Only of a current or former regular it is asked whether they still serve.",
    "MHCLG CORE lettings log, leftreg depends on armedforces 1",
);

/// Somebody evicted for arrears who owes nothing.
pub static EVICTED_OWING_NOTHING: Rule = Rule::query(
    "EVICTED_OWING_NOTHING",
    "Somebody evicted for arrears owed something when the tenancy ended.",
    "walbrook: two fields of one fact",
);

/// A stay nobody knows the place of.
pub static STAY_WITHOUT_PROJECT: Rule = Rule::query(
    "STAY_WITHOUT_PROJECT",
    "A stay names its project.",
    "walbrook: stays are counted by project",
);

const REGULAR: &str = "1";

/// Checks a tenancy that began.
pub fn tenancy_started(m: &TenancyStarted, context: &Context<'_>, findings: &mut Findings) {
    let started = m.startdate.as_ref().and_then(facts::day);
    facts::happened(started, context.today, "startdate", findings);
    let void = m.voiddate.as_ref().and_then(facts::day);
    let ordered = void
        .zip(started)
        .is_none_or(|(void, started)| void <= started);
    findings.check(ordered, &VOID_AFTER_START, "voiddate");
    findings.check(m.la.is_some(), &LETTING_WITHOUT_AREA, "la");
    for (field, area) in [("la", &m.la), ("prevloc", &m.prevloc)] {
        if let Some(area) = area.as_deref() {
            gss(area, field, findings);
        }
    }
    let household = m.hhmemb.is_none_or(|people| (1..=15).contains(&people));
    findings.check(household, &SIZE_OUT_OF_RANGE, "hhmemb");
    let home = m.beds.is_none_or(|rooms| (1..=12).contains(&rooms));
    findings.check(home, &SIZE_OUT_OF_RANGE, "beds");
    charges(m, findings);
    findings.check(
        m.leftreg.is_none() || m.armedforces.as_deref() == Some(REGULAR),
        &LEFTREG_NOT_ASKED,
        "leftreg",
    );
}

fn charges(m: &TenancyStarted, findings: &mut Findings) {
    for (field, pence) in [
        ("tcharge_pence", m.tcharge_pence),
        ("tshortfall_pence", m.tshortfall_pence),
    ] {
        let positive = pence.is_none_or(|pence| pence >= 0);
        findings.check(positive, &AMOUNT_NEGATIVE, field);
    }
    let above = m
        .tshortfall_pence
        .zip(m.tcharge_pence)
        // A negative charge has a rule of its own.
        .is_some_and(|(shortfall, charge)| charge >= 0 && shortfall > charge);
    findings.check(!above, &SHORTFALL_ABOVE_CHARGE, "tshortfall_pence");
    let charged = m.tcharge_pence.is_some() || m.tshortfall_pence.is_some();
    findings.check(
        !charged || m.period.is_some(),
        &CHARGE_WITHOUT_PERIOD,
        "period",
    );
}

/// Checks a tenancy that ended.
pub fn tenancy_ended(m: &TenancyEnded, context: &Context<'_>, findings: &mut Findings) {
    let started = m.startdate.as_ref().and_then(facts::day);
    let ended = m.enddate.as_ref().and_then(facts::day);
    facts::happened(ended, context.today, "enddate", findings);
    facts::in_order(started, ended, "enddate", findings);
    let arrears = m.arrears_pence;
    findings.check(
        arrears.is_none_or(|pence| pence >= 0),
        &AMOUNT_NEGATIVE,
        "arrears_pence",
    );
    findings.check(
        arrears.is_none_or(|pence| pence <= MOST_LIKELY_PENCE),
        &ARREARS_UNLIKELY,
        "arrears_pence",
    );
    let for_nothing = m.end_reason == "EVICTED_ARREARS" && arrears == Some(0);
    findings.check(!for_nothing, &EVICTED_OWING_NOTHING, "arrears_pence");
}

/// Checks a stay in a hostel.
pub fn hostel_stay(m: &HostelStay, context: &Context<'_>, findings: &mut Findings) {
    let arrived = m.arrived_on.as_ref().and_then(facts::day);
    let departed = m.departed_on.as_ref().and_then(facts::day);
    facts::happened(arrived, context.today, "arrived_on", findings);
    facts::happened(departed, context.today, "departed_on", findings);
    facts::in_order(arrived, departed, "departed_on", findings);
    let both = m.departed_on.is_some() == m.departure_reason.is_some();
    findings.check(both, &END_AND_REASON, "departure_reason");
    findings.check(
        m.project_ref.is_some(),
        &STAY_WITHOUT_PROJECT,
        "project_ref",
    );
}
