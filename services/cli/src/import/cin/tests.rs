use super::super::frame::{Finding, testing};
use super::*;
use crate::publish::{Body, Outgoing};
use walbrook_proto::common::v1::event_head::When;
use walbrook_proto::social_care::v1::event::Body as SocialCare;

fn document(header: &str, children: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='utf-8'?><Message><Header>{header}</Header><Children>{children}</Children></Message>"
    )
}

const HEADER: &str = "<CollectionDetails><Collection>CIN</Collection><Year>2026</Year><ReferenceDate>2026-03-31</ReferenceDate></CollectionDetails><Source><SourceLevel>L</SourceLevel></Source>";

const CHILD: &str = "<Child><ChildIdentifiers><LAchildID>C7</LAchildID><UPNunknown>UN3</UPNunknown><PersonBirthDate>2014-04-03</PersonBirthDate><GenderCurrent>1</GenderCurrent></ChildIdentifiers>\
    <ChildCharacteristics><Ethnicity>WBRI</Ethnicity><Disabilities><Disability>NONE</Disability></Disabilities></ChildCharacteristics>\
    <CINdetails><CINreferralDate>2025-05-06</CINreferralDate><ReferralSource>3E</ReferralSource><PrimaryNeedCode>N1</PrimaryNeedCode><CINclosureDate>2025-12-01</CINclosureDate><ReasonForClosure>RC1</ReasonForClosure>\
    <DateOfInitialCPC>2025-06-20</DateOfInitialCPC>\
    <Assessments><AssessmentActualStartDate>2025-05-07</AssessmentActualStartDate><AssessmentAuthorisationDate>2025-06-01</AssessmentAuthorisationDate><FactorsIdentifiedAtAssessment><AssessmentFactors>3B</AssessmentFactors><AssessmentFactors>4B</AssessmentFactors></FactorsIdentifiedAtAssessment></Assessments>\
    <Assessments><AssessmentActualStartDate>2025-11-07</AssessmentActualStartDate></Assessments>\
    <CINPlanDates><CINPlanStartDate>2025-06-02</CINPlanStartDate></CINPlanDates>\
    <Section47><S47ActualStartDate>2025-06-05</S47ActualStartDate><InitialCPCtarget>2025-06-26</InitialCPCtarget><DateOfInitialCPC>2025-06-20</DateOfInitialCPC><ICPCnotRequired>false</ICPCnotRequired></Section47>\
    <ChildProtectionPlans><CPPstartDate>2025-06-20</CPPstartDate><CPPendDate>2025-11-20</CPPendDate><InitialCategoryOfAbuse>NEG</InitialCategoryOfAbuse><LatestCategoryOfAbuse>EMO</LatestCategoryOfAbuse><NumberOfPreviousCPP>1</NumberOfPreviousCPP>\
    <Reviews><CPPreviewDate>2025-09-18</CPPreviewDate><CPPreviewDate>2025-11-20</CPPreviewDate></Reviews></ChildProtectionPlans></CINdetails></Child>\
    <Child><ChildIdentifiers><LAchildID>C8</LAchildID><ExpectedPersonBirthDate>2026-05-01</ExpectedPersonBirthDate></ChildIdentifiers>\
    <CINdetails><CINreferralDate>06/05/2025</CINreferralDate><ReferralSource>4</ReferralSource></CINdetails>\
    <CINdetails><CINreferralDate>2025-05-06</CINreferralDate><ReferralSource>4</ReferralSource><ReferralNFA>1</ReferralNFA><DateOfInitialCPC>2025-07-01</DateOfInitialCPC></CINdetails></Child>";

fn read(text: &str) -> Result<(Vec<Outgoing>, Vec<Finding>), Failure> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cin.xml");
    std::fs::write(&path, text).unwrap();
    let import = import(&path, "E09000007")?;
    Ok(testing::events(import.rows, import.mapping))
}

fn said(event: &Outgoing) -> String {
    let Some(When::OccurredOn(on)) = event.head.when else {
        panic!("no day");
    };
    let what = match &event.body {
        Body::SocialCare(SocialCare::ContactReferral(m)) => format!(
            "referral {} {:?} {:?}",
            m.referral_source, m.outcome, m.closure_reason
        ),
        Body::SocialCare(SocialCare::AssessmentCompleted(m)) => {
            format!("assessment {} {:?}", m.factors.join("+"), m.primary_need)
        }
        Body::SocialCare(SocialCare::ChildProtection(m)) => format!(
            "{} {} {:?} {:?}",
            m.phase, m.protection_ref, m.category, m.previous_plans
        ),
        other => panic!("{other:?}"),
    };
    let child = &event.head.subject.as_ref().unwrap().local_id;
    format!("{child} {:02}-{:02} {what}", on.month, on.day)
}

#[test]
fn a_census_tells_referrals_assessments_enquiries_plans_and_reviews() {
    let (events, findings) = read(&document(HEADER, CHILD)).unwrap();
    let told: Vec<_> = events.iter().map(said).collect();
    let expected = [
        "C7 05-06 referral 3E None Some(\"RC1\")",
        "C7 06-01 assessment 3B+4B Some(\"N1\")",
        "C7 06-05 S47 S47-E09000007-2025-06-05 None None",
        "C7 06-20 ICPC S47-E09000007-2025-06-05 None None",
        "C7 06-20 PLAN_START CPP-E09000007-2025-06-20 Some(\"NEG\") Some(1)",
        "C7 11-20 PLAN_END CPP-E09000007-2025-06-20 Some(\"EMO\") None",
        "C7 09-18 REVIEW CPP-E09000007-2025-06-20 Some(\"EMO\") None",
        "C7 11-20 REVIEW CPP-E09000007-2025-06-20 Some(\"EMO\") None",
        "C8 05-06 referral 4 Some(\"NFA\") None",
        "C8 07-01 ICPC ICPC-E09000007-2025-07-01 None None",
    ];
    assert_eq!(told, expected);
    let places: Vec<_> = findings
        .iter()
        .map(|found| (found.table, found.row, found.rule.as_str()))
        .collect();
    assert_eq!(places, [("referral", 2, "DATE_UNREADABLE")]);
    let who = events[0].head.subject.as_ref().unwrap();
    let who = who.demographics.as_ref().unwrap();
    assert_eq!(who.birth_date.unwrap().day, 3, "trap 5: ISO dates here");
    for event in &events {
        let text = format!("{:?}", event.body);
        assert!(!text.contains("WBRI") && !text.contains("C7"), "{text}");
    }
}

#[test]
fn a_census_of_another_authority_or_another_collection_is_refused_whole() {
    let other = "<Source><LEA>999</LEA></Source>";
    let school = "<CollectionDetails><Collection>School Census</Collection></CollectionDetails>";
    for header in [other, school] {
        let failure = read(&document(header, CHILD)).unwrap_err();
        assert_eq!(failure.exit(), Exit::Input);
        assert!(failure.text().contains("nothing was sent"));
    }
    assert!(read("<Other/>").is_err());
}

#[test]
fn the_authority_s_own_number_is_taken() {
    let own = "<Source><LEA>202</LEA></Source>";
    assert!(read(&document(own, CHILD)).is_ok(), "202 is Camden");
}
