//! Rows of the return as events.

use walbrook_domain::{Day, Organisation};
use walbrook_proto::common::v1::Date;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::social_care::v1::event::Body as SocialCare;
use walbrook_proto::social_care::v1::{
    CareEpisode, CareLeaverContact, DeprivationOfLiberty, HealthOutcomes, MissingEpisode,
    ReviewHeld,
};
use walbrook_schemas::codelist;

use super::super::frame::draft::british_date;
use super::super::frame::{Draft, Drafts, Mapping, Row};
use super::children::Children;
use super::tables::Table;
use crate::publish::Body;

/// A return of one authority and year.
#[derive(Debug)]
pub struct Return {
    /// In references: one child may have episodes of two authorities.
    authority: String,
    last_day: Day,
    children: Children,
}

/// What stops a row: the finding is noted.
struct Stopped;

impl Return {
    /// Of an authority, for the year that ends on `last_day`.
    pub fn new(authority: &Organisation, last_day: Day, children: Children) -> Self {
        Self {
            authority: authority.code().to_owned(),
            last_day,
            children,
        }
    }

    fn header(&mut self, child: &str, row: &Row, drafts: &mut Drafts) -> Result<(), Stopped> {
        if !self
            .children
            .read(child, row)
            .map_err(|_| vanished(drafts))?
        {
            drafts.refuse(
                "CHILD",
                "CHILD_TWICE",
                "the child already has a header row; the first one counts",
            );
            return Err(Stopped);
        }
        if row.cell("DOB").map(date).is_some_and(|date| date.is_err()) {
            drafts.query(
                "DOB",
                "DATE_UNREADABLE",
                "expected a date that exists, as dd/mm/yyyy; the child is taken without it",
            );
        }
        for (column, list, rule) in [
            ("SEX", "ssda903_sex", "HEADER_SEX"),
            ("ETHNIC", "ssda903_ethnic", "HEADER_ETHNIC"),
        ] {
            let known = row.cell(column).is_none_or(|code| self.in_list(list, code));
            if !known {
                drafts.query(
                    column,
                    rule,
                    "the code is in no list of the collection year (SSDA903 rules 101 and 103)",
                );
            }
        }
        let upn = row.cell("UPN").filter(|upn| upn.starts_with("UN"));
        if upn.is_some_and(|reason| !self.in_list("ssda903_upn_unknown", reason)) {
            drafts.query(
                "UPN",
                "HEADER_UPN_UNKNOWN",
                "why there is no pupil number is in no list (SSDA903 rule 442)",
            );
        }
        drafts.carried();
        Ok(())
    }

    fn in_list(&self, list: &str, code: &str) -> bool {
        let (year, month, day) = self.last_day.ymd();
        let (Ok(month), Ok(day)) = (u8::try_from(month), u8::try_from(day)) else {
            return false;
        };
        let on = walbrook_schemas::PlainDate::of(year, month, day);
        codelist::check(list, code, on).is_ok()
    }

    /// The day it happened, and the event.
    fn event(
        &self,
        table: Table,
        row: &Row,
        drafts: &mut Drafts,
    ) -> Result<(Date, SocialCare), Stopped> {
        let text = |column: &str| row.cell(column).unwrap_or_default().to_owned();
        let option = |column: &str| row.cell(column).map(str::to_owned);
        Ok(match table {
            Table::Episodes => {
                let decom = self.began("DECOM", row, drafts)?;
                let episode = CareEpisode {
                    episode_ref: self.reference(decom),
                    decom: Some(decom),
                    rne: text("RNE"),
                    ls: text("LS"),
                    cin: text("CIN"),
                    place: text("PLACE"),
                    place_provider: option("PLACE_PROVIDER"),
                    dec: dated("DEC", row, drafts)?,
                    rec: option("REC"),
                    reason_place_change: option("REASON_PLACE_CHANGE"),
                    pl_distance_tenths_mile: distance(row, drafts),
                    // Postcodes stay with the authority.
                    in_borough: None,
                };
                (decom, SocialCare::CareEpisode(episode))
            }
            Table::Reviews => {
                let reviewed = self.began("REVIEW", row, drafts)?;
                let review = ReviewHeld {
                    reviewed_on: Some(reviewed),
                    review_code: text("REVIEW_CODE"),
                    due_on: None,
                };
                (reviewed, SocialCare::ReviewHeld(review))
            }
            Table::Missing => {
                let start = self.began("MIS_START", row, drafts)?;
                let missing = MissingEpisode {
                    episode_ref: self.reference(start),
                    missing: text("MISSING"),
                    mis_start: Some(start),
                    mis_end: dated("MIS_END", row, drafts)?,
                    ..MissingEpisode::default()
                };
                (start, SocialCare::MissingEpisode(missing))
            }
            Table::DoLo => {
                let start = self.began("DOLO_START", row, drafts)?;
                let order = DeprivationOfLiberty {
                    order_ref: self.reference(start),
                    dolo_start: Some(start),
                    dolo_end: dated("DOLO_END", row, drafts)?,
                };
                (start, SocialCare::DeprivationOfLiberty(order))
            }
            Table::Oc2 => {
                let outcomes = self.outcomes(row, drafts);
                (self.year_end(), SocialCare::HealthOutcomes(outcomes))
            }
            _ => {
                let contact = CareLeaverContact {
                    // Not the birthday that the table is about: day and month of a birth date do not travel.
                    contact_on: Some(self.year_end()),
                    in_touch: text("IN_TOUCH"),
                    activ: option("ACTIV"),
                    accom: option("ACCOM"),
                    eligibility: None,
                };
                (self.year_end(), SocialCare::CareLeaverContact(contact))
            }
        })
    }

    fn outcomes(&self, row: &Row, drafts: &mut Drafts) -> HealthOutcomes {
        let sdq_score = row.cell("SDQ_SCORE").and_then(|text| {
            let score = text.parse().ok();
            if score.is_none() {
                drafts.query(
                    "SDQ_SCORE",
                    "NUMBER_UNREADABLE",
                    "expected a whole number; the row is taken without it",
                );
            }
            score
        });
        let mut flag = |column: &str| match row.cell(column)? {
            "0" | "false" | "FALSE" => Some(false),
            "1" | "true" | "TRUE" => Some(true),
            _ => {
                drafts.query(
                    column,
                    "FLAG_UNREADABLE",
                    "expected 0 or 1; the row is taken without it",
                );
                None
            }
        };
        HealthOutcomes {
            as_of: Some(self.year_end()),
            sdq_score,
            sdq_reason: row.cell("SDQ_REASON").map(str::to_owned),
            convicted: flag("CONVICTED"),
            health_check: flag("HEALTH_CHECK"),
            immunisations: flag("IMMUNISATIONS"),
            teeth_check: flag("TEETH_CHECK"),
            health_assessment: flag("HEALTH_ASSESSMENT"),
            substance_misuse: flag("SUBSTANCE_MISUSE"),
            intervention_received: flag("INTERVENTION_RECEIVED"),
            intervention_offered: flag("INTERVENTION_OFFERED"),
        }
    }

    /// The day something began, which a row needs; queried after the collection year.
    fn began(&self, column: &str, row: &Row, drafts: &mut Drafts) -> Result<Date, Stopped> {
        let Some(date) = dated(column, row, drafts)? else {
            drafts.refuse(column, "DATE_MISSING", "the date is empty");
            return Err(Stopped);
        };
        let day = Day::from_ymd(date.year, date.month, date.day);
        if day.is_some_and(|day| day > self.last_day) {
            drafts.query(
                column,
                "AFTER_COLLECTION_YEAR",
                format!(
                    "the date is after {}, the last day of the collection year",
                    self.last_day
                ),
            );
        }
        Ok(date)
    }

    /// A reference that is the same when the row comes again with its end, and says nothing of who the child is.
    fn reference(&self, began: Date) -> String {
        let Date { year, month, day } = began;
        format!("903-{}-{year:04}-{month:02}-{day:02}", self.authority)
    }

    fn year_end(&self) -> Date {
        let (year, month, day) = self.last_day.ymd();
        Date { year, month, day }
    }

    fn row(&mut self, table: Table, row: &Row, drafts: &mut Drafts) -> Result<(), Stopped> {
        let Some(child) = row.cell("CHILD") else {
            drafts.refuse("CHILD", "CHILD_MISSING", "the child's number is empty");
            return Err(Stopped);
        };
        if table == Table::Header {
            return self.header(child, row, drafts);
        }
        let (on, body) = self.event(table, row, drafts)?;
        let own_birth_date = row.cell("DOB").and_then(|text| date(text).ok());
        let known = self
            .children
            .known(child, own_birth_date)
            .map_err(|_| vanished(drafts))?;
        let draft = Draft::about(
            "LA_CHILD_ID",
            child,
            When::OccurredOn(on),
            Body::SocialCare(body),
        );
        let mut draft = draft.who(known.demographics);
        match known.header {
            Some(number) => draft = draft.carrying(Table::Header.name(), number),
            None => drafts.query(
                "CHILD",
                "CHILD_NOT_IN_HEADER",
                "the child has no header row; what the row itself says is taken",
            ),
        }
        drafts.send(draft);
        Ok(())
    }
}

impl Mapping for Return {
    fn map(&mut self, row: &Row, drafts: &mut Drafts) {
        let Some(table) = Table::of(row.table) else {
            return drafts.not_mapped("NO_SUCH_TABLE", "the return's guide has no such element");
        };
        match table.not_mapped() {
            Some(why) => drafts.not_mapped("NO_EVENT_TYPE", why),
            None => {
                // What stopped it is noted.
                let _stopped = self.row(table, row, drafts);
            }
        }
    }

    fn column(table: &str, field: &str) -> String {
        let last = field.rsplit('.').next().unwrap_or(field);
        let column = match (table, last) {
            (_, "birth_date") => "DOB",
            (_, "upn") => "UPN",
            (_, "local_id" | "la_child_id") => "CHILD",
            ("reviews", "reviewed_on" | "occurred_on") => "REVIEW",
            ("episodes", "occurred_on" | "episode_ref") => "DECOM",
            ("missing", "occurred_on" | "episode_ref") => "MIS_START",
            ("dolo", "occurred_on" | "order_ref") => "DOLO_START",
            ("oc2" | "oc3", "occurred_on" | "as_of" | "contact_on") => "",
            (_, "pl_distance_tenths_mile") => "PL_DISTANCE",
            (_, other) => return other.to_uppercase(),
        };
        column.to_owned()
    }
}

fn vanished(drafts: &mut Drafts) -> Stopped {
    drafts.refuse(
        "",
        "HEADER_UNREADABLE",
        "the header table can no longer be read: run the import again",
    );
    Stopped
}

fn dated(column: &str, row: &Row, drafts: &mut Drafts) -> Result<Option<Date>, Stopped> {
    match row.cell(column).map(date).transpose() {
        Ok(date) => Ok(date),
        Err(sentence) => {
            drafts.refuse(column, "DATE_UNREADABLE", sentence);
            Err(Stopped)
        }
    }
}

/// Miles with at most one decimal; 999.9 stands for unknown.
fn distance(row: &Row, drafts: &mut Drafts) -> Option<i32> {
    let text = row.cell("PL_DISTANCE")?;
    let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let tenths = (digits(whole) && digits(tenth) && tenth.len() == 1 && whole.len() <= 4)
        .then(|| format!("{whole}{tenth}").parse::<i32>().ok())
        .flatten();
    if tenths.is_none() {
        drafts.query(
            "PL_DISTANCE",
            "NUMBER_UNREADABLE",
            "expected miles with one decimal; the row is taken without it",
        );
    }
    tenths.filter(|tenths| *tenths != 9_999)
}

/// A date as the return writes it.
pub fn date(text: &str) -> Result<Date, &'static str> {
    british_date(text)
}
