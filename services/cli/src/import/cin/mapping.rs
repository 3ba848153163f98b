//! Rows of the census as events.

use walbrook_domain::Organisation;
use walbrook_proto::common::v1::Date;
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::social_care::v1::event::Body as SocialCare;
use walbrook_proto::social_care::v1::{AssessmentCompleted, ChildProtection, ContactReferral};

use super::super::frame::draft::{british_date, iso_date};
use super::super::frame::{Draft, Drafts, Mapping, Row};
use super::super::ssda903::Children;
use super::document::BETWEEN;
use crate::publish::Body;

/// A census of one authority.
#[derive(Debug)]
pub struct Census {
    authority: String,
    children: Children,
}

/// What stops a row: the finding is noted.
struct Stopped;

type Told = Vec<(Date, SocialCare)>;

impl Census {
    /// Of an authority.
    pub fn new(authority: &Organisation) -> Self {
        Self {
            authority: authority.code().to_owned(),
            children: Children::as_they_come(),
        }
    }

    fn child(&mut self, row: &Row, drafts: &mut Drafts) -> Result<(), Stopped> {
        let Some(child) = row.cell("CHILD") else {
            drafts.refuse("LAchildID", "CHILD_MISSING", "the child's number is empty");
            return Err(Stopped);
        };
        if row
            .cell("DOB")
            .is_some_and(|text| british_date(text).is_err())
        {
            drafts.query(
                "PersonBirthDate",
                "DATE_UNREADABLE",
                "expected a date that exists, as yyyy-mm-dd; the child is taken without it",
            );
        }
        // It is always the first: nothing is looked up.
        let _first = self.children.read(child, row);
        drafts.carried();
        Ok(())
    }

    fn referral(&self, row: &Row, drafts: &mut Drafts) -> Result<Told, Stopped> {
        let contact_on = needed("CINreferralDate", row, drafts)?;
        let no_further_action = row
            .cell("ReferralNFA")
            .is_some_and(|text| matches!(text, "1" | "true"));
        let referral = ContactReferral {
            referral_ref: self.reference("CIN", contact_on),
            contact_on: Some(contact_on),
            referral_source: row.cell("ReferralSource").unwrap_or_default().to_owned(),
            outcome: no_further_action.then(|| "NFA".to_owned()),
            closed_on: dated("CINclosureDate", row, drafts)?,
            closure_reason: row.cell("ReasonForClosure").map(str::to_owned),
        };
        let mut told = vec![(contact_on, SocialCare::ContactReferral(referral))];
        if let Some(held) = dated("DateOfInitialCPC", row, drafts)? {
            told.push(self.step("ICPC", held, self.reference("ICPC", held)));
        }
        Ok(told)
    }

    fn assessment(&self, row: &Row, drafts: &mut Drafts) -> Result<Told, Stopped> {
        let referred = needed("CINreferralDate", row, drafts)?;
        let started_on = needed("AssessmentActualStartDate", row, drafts)?;
        let Some(authorised_on) = dated("AssessmentAuthorisationDate", row, drafts)? else {
            drafts.not_mapped(
                "ASSESSMENT_OPEN",
                "the assessment is not authorised yet: the event is of a completed one",
            );
            return Ok(Told::new());
        };
        let factors = row.cell("AssessmentFactors").unwrap_or_default();
        let assessment = AssessmentCompleted {
            referral_ref: self.reference("CIN", referred),
            started_on: Some(started_on),
            authorised_on: Some(authorised_on),
            factors: factors
                .split(BETWEEN)
                .filter(|code| !code.is_empty())
                .map(str::to_owned)
                .collect(),
            primary_need: row.cell("PrimaryNeedCode").map(str::to_owned),
        };
        Ok(vec![(
            authorised_on,
            SocialCare::AssessmentCompleted(assessment),
        )])
    }

    fn enquiry(&self, row: &Row, drafts: &mut Drafts) -> Result<Told, Stopped> {
        let started = needed("S47ActualStartDate", row, drafts)?;
        let reference = self.reference("S47", started);
        let (on, mut first) = self.protection("S47", started, reference.clone());
        first.conference_not_required = row
            .cell("ICPCnotRequired")
            .map(|text| matches!(text, "1" | "true"));
        let mut told = vec![(on, SocialCare::ChildProtection(first))];
        if let Some(held) = dated("DateOfInitialCPC", row, drafts)? {
            told.push(self.step("ICPC", held, reference));
        }
        Ok(told)
    }

    fn plan(&self, row: &Row, drafts: &mut Drafts) -> Result<Told, Stopped> {
        let started = needed("CPPstartDate", row, drafts)?;
        let ended = dated("CPPendDate", row, drafts)?;
        let reference = self.reference("CPP", started);
        let (on, mut start) = self.protection("PLAN_START", started, reference.clone());
        start.category = row.cell("InitialCategoryOfAbuse").map(str::to_owned);
        start.previous_plans = row.cell("NumberOfPreviousCPP").and_then(|text| {
            let plans = text.parse().ok();
            if plans.is_none() {
                drafts.query(
                    "NumberOfPreviousCPP",
                    "NUMBER_UNREADABLE",
                    "expected a whole number; the row is taken without it",
                );
            }
            plans
        });
        let mut told = vec![(on, SocialCare::ChildProtection(start))];
        if let Some(ended) = ended {
            let (on, mut end) = self.protection("PLAN_END", ended, reference);
            end.category = row.cell("LatestCategoryOfAbuse").map(str::to_owned);
            told.push((on, SocialCare::ChildProtection(end)));
        }
        Ok(told)
    }

    fn review(&self, row: &Row, drafts: &mut Drafts) -> Result<Told, Stopped> {
        let started = needed("CPPstartDate", row, drafts)?;
        let held = needed("CPPreviewDate", row, drafts)?;
        let (on, mut review) = self.protection("REVIEW", held, self.reference("CPP", started));
        review.category = row.cell("LatestCategoryOfAbuse").map(str::to_owned);
        Ok(vec![(on, SocialCare::ChildProtection(review))])
    }

    fn protection(&self, phase: &str, on: Date, reference: String) -> (Date, ChildProtection) {
        let step = ChildProtection {
            protection_ref: reference,
            phase: phase.to_owned(),
            phase_on: Some(on),
            ..ChildProtection::default()
        };
        (on, step)
    }

    fn step(&self, phase: &str, on: Date, reference: String) -> (Date, SocialCare) {
        let (on, step) = self.protection(phase, on, reference);
        (on, SocialCare::ChildProtection(step))
    }

    /// A reference that is the same when the row comes again with its end, and says nothing of who the child is.
    fn reference(&self, of: &str, began: Date) -> String {
        let Date { year, month, day } = began;
        format!("{of}-{}-{year:04}-{month:02}-{day:02}", self.authority)
    }

    fn row(&mut self, row: &Row, drafts: &mut Drafts) -> Result<(), Stopped> {
        let told = match row.table {
            "child" => return self.child(row, drafts),
            "referral" => self.referral(row, drafts)?,
            "assessment" => self.assessment(row, drafts)?,
            "section47" => self.enquiry(row, drafts)?,
            "protection_plan" => self.plan(row, drafts)?,
            "protection_review" => self.review(row, drafts)?,
            "characteristics" => {
                drafts.not_mapped(
                    "NO_EVENT_TYPE",
                    "ethnicity and disability are special-category data that no agreement shares",
                );
                return Ok(());
            }
            _ => {
                drafts.not_mapped(
                    "NO_EVENT_TYPE",
                    "no event type tells of plans for children in need",
                );
                return Ok(());
            }
        };
        let Some(child) = row.cell("CHILD") else {
            drafts.refuse("LAchildID", "CHILD_MISSING", "the child's number is empty");
            return Err(Stopped);
        };
        let known = self.children.known(child, None).map_err(|_| Stopped)?;
        for (on, body) in told {
            let when = When::OccurredOn(on);
            let draft = Draft::about("LA_CHILD_ID", child, when, Body::SocialCare(body));
            let mut draft = draft.who(known.demographics.clone());
            if let Some(number) = known.header {
                draft = draft.carrying("child", number);
            }
            drafts.send(draft);
        }
        Ok(())
    }
}

impl Mapping for Census {
    fn map(&mut self, row: &Row, drafts: &mut Drafts) {
        // What stopped it is noted.
        let _stopped = self.row(row, drafts);
    }

    fn column(table: &str, field: &str) -> String {
        let last = field.rsplit('.').next().unwrap_or(field);
        let last = last.split('[').next().unwrap_or(last);
        let column = match (table, last) {
            (_, "birth_date") => "PersonBirthDate",
            (_, "upn") => "UPN",
            (_, "local_id" | "la_child_id") => "LAchildID",
            (_, "contact_on" | "referral_ref") => "CINreferralDate",
            (_, "referral_source") => "ReferralSource",
            (_, "closed_on") => "CINclosureDate",
            (_, "closure_reason") => "ReasonForClosure",
            (_, "outcome") => "ReferralNFA",
            (_, "started_on") => "AssessmentActualStartDate",
            (_, "authorised_on") => "AssessmentAuthorisationDate",
            (_, "factors") => "AssessmentFactors",
            (_, "primary_need") => "PrimaryNeedCode",
            (_, "previous_plans") => "NumberOfPreviousCPP",
            (_, "conference_not_required") => "ICPCnotRequired",
            ("protection_plan", "category") => "InitialCategoryOfAbuse",
            (_, "category") => "LatestCategoryOfAbuse",
            ("section47", _) => "S47ActualStartDate",
            ("protection_plan", _) => "CPPstartDate",
            ("protection_review", _) => "CPPreviewDate",
            ("referral", "occurred_on") => "CINreferralDate",
            ("assessment", "occurred_on") => "AssessmentAuthorisationDate",
            (_, other) => other,
        };
        column.to_owned()
    }
}

fn dated(column: &str, row: &Row, drafts: &mut Drafts) -> Result<Option<Date>, Stopped> {
    match row.cell(column).map(iso_date).transpose() {
        Ok(date) => Ok(date),
        Err(sentence) => {
            drafts.refuse(column, "DATE_UNREADABLE", sentence);
            Err(Stopped)
        }
    }
}

fn needed(column: &str, row: &Row, drafts: &mut Drafts) -> Result<Date, Stopped> {
    dated(column, row, drafts)?.ok_or_else(|| {
        drafts.refuse(column, "DATE_MISSING", "the date is empty");
        Stopped
    })
}
