//! Half a year of events for each person, by the course their life takes.

use super::figures;
use super::people::{Course, Person, happens, one_of};
use super::story::{Story, Teller};
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::health::v1::{
    AccommodationStatusRecorded, CicHealthAssessment, EdAttendance, event::Body as Health,
};
use walbrook_proto::housing::v1::{
    HomelessnessApplication, PossessionNotice, RentArrearsChanged, RoughSleepingContact,
    event::Body as Housing,
};
use walbrook_proto::police::v1::{MissingEpisode, ProtectionNotification, event::Body as Police};
use walbrook_proto::social_care::v1::{CareEpisode, ReviewHeld, event::Body as SocialCare};

use crate::publish::Body;

/// Hospitals of the city, as ODS codes; a person goes to the one of their part of town.
const HOSPITALS: [&str; 4] = ["RRV", "RJ1", "RYJ", "R1H"];

impl Teller<'_> {
    /// Tells one person's half year.
    pub fn life(&mut self, person: &Person) {
        match person.course {
            Course::SleepingRough => self.sleeping_rough(person),
            Course::InArrears => {
                self.arrears(person);
                if self.rng.random_bool(0.1) {
                    self.emergency(person, "MA04");
                }
            }
            Course::AppliedHomeless => {
                self.application(person, false);
                if self.rng.random_bool(0.4) {
                    self.emergency(person, "HM04");
                }
            }
            Course::LookedAfter => self.looked_after(person),
            Course::Quiet => {
                if self.rng.random_bool(0.05) {
                    self.emergency(person, "MA04");
                }
            }
        }
    }

    fn sleeping_rough(&mut self, person: &Person) {
        let status = match self.rng.random_range(0..10_000) {
            drawn if drawn < figures::FLOW.ten_thousandths => "FLOW",
            drawn if drawn < figures::FLOW.ten_thousandths + figures::STOCK.ten_thousandths => {
                "STOCK"
            }
            _ => "RETURNER",
        };
        let contacts = if status == "FLOW" && happens(self.rng, figures::NEW_SEEN_ONCE) {
            1
        } else {
            self.heavy_tail(2, 40)
        };
        let mut needs = Vec::new();
        for (need, share) in [
            ("MENTAL_HEALTH", figures::NEED_MENTAL_HEALTH),
            ("ALCOHOL", figures::NEED_ALCOHOL),
            ("DRUGS", figures::NEED_DRUGS),
        ] {
            if happens(self.rng, share) {
                needs.push(need.to_owned());
            }
        }
        let institution = one_of(
            self.rng,
            &[
                "PRISON",
                "CARE",
                "NONE",
                "NONE",
                "NOT_KNOWN",
                "ARMED_FORCES",
                "NONE",
            ],
            "NONE",
        );
        let first = self.any_day(20);
        let mut day = first;
        for number in 0..contacts {
            let at = self.time_on(day, 22);
            let contact = RoughSleepingContact {
                contact_at: Some(at),
                bedded_down: number == 0 || self.rng.random_bool(0.8),
                area: if self.rng.random_bool(0.03) {
                    "BUS".into()
                } else {
                    person.authority.into()
                },
                outreach_team: "street-outreach-1".into(),
                needs: needs.clone(),
                derived_status: Some(status.into()),
                previous_institution: Some(institution.into()),
            };
            let story = Story::of(person, "CHARITY:street-outreach", "CHAIN_ID", day).at(at);
            self.tell(story, Body::Housing(Housing::RoughSleepingContact(contact)));
            day = day.plus(self.rng.random_range(1..12));
            if day >= self.end {
                break;
            }
        }
        if self.rng.random_bool(0.5) {
            self.application(person, true);
        }
        if self.rng.random_bool(0.4) {
            self.emergency(person, "HM01");
        }
        if self.rng.random_bool(0.2) {
            self.notification(person, first, "ADULT", "AMBER");
        }
    }

    fn arrears(&mut self, person: &Person) {
        let council = format!("GSS:{}", person.authority);
        let tenancy = format!("T{:06}", person.household);
        let weekly_pence = self.rng.random_range(11_000..19_000_i64);
        let mut owed_weeks = self.rng.random_range(1..8_i32);
        let mut day = self.any_day(150);
        while day < self.end {
            let changed = RentArrearsChanged {
                tenancy_ref: tenancy.clone(),
                landlord_type: "LA".into(),
                arrears_pence: weekly_pence * i64::from(owed_weeks),
                owed_weeks: Some(owed_weeks),
                shortfall_pence: None,
                contact_made: self.rng.random_bool(0.7),
                owed_months: None,
            };
            self.tell(
                Story::of(person, &council, "LOCAL", day),
                Body::Housing(Housing::RentArrearsChanged(changed)),
            );
            if owed_weeks >= 13 && self.rng.random_bool(0.5) {
                let notice = PossessionNotice {
                    tenancy_ref: Some(tenancy.clone()),
                    notice_type: "S83".into(),
                    grounds: vec!["1".into()],
                    served_on: Some(date(day)),
                    expires_on: Some(date(day.plus(28))),
                    stage: "NOTICE".into(),
                };
                self.tell(
                    Story::of(person, &council, "LOCAL", day.plus(1)),
                    Body::Housing(Housing::PossessionNotice(notice)),
                );
            }
            owed_weeks = (owed_weeks + self.rng.random_range(-3..6)).max(0);
            day = day.plus(28);
        }
        if owed_weeks >= 16 {
            self.application(person, false);
        }
    }

    fn application(&mut self, person: &Person, rough: bool) {
        let council = format!("GSS:{}", person.authority);
        let day = self.any_day(5);
        let reason = one_of(
            self.rng,
            &[
                "FAMILY_OR_FRIENDS_NO_LONGER_WILLING",
                "END_PRS_AST",
                "DEPART_CUSTODY",
                "DOMESTIC_ABUSE",
                "REQUIRED_TO_LEAVE_ASYLUM_SUPPORT",
            ],
            "NOT_KNOWN",
        );
        let application = HomelessnessApplication {
            case_ref: format!("H{:07}", person.number),
            household_type: "SINGLE_PERSON".into(),
            a4_accommodation: if rough {
                "ROUGH_SLEEPING".into()
            } else {
                "LIVING_WITH_FRIENDS".into()
            },
            a2_reason: reason.into(),
            support_needs: if rough {
                vec!["ROUGH_SLEEPING_HISTORY".into()]
            } else {
                vec![]
            },
            last_settled_core_prevten: Some(if rough { "19".into() } else { "39".into() }),
            reason_core: None,
            referral_body: None,
            rough_sleeping_at_application: rough,
        };
        self.tell(
            Story::of(person, &council, "LOCAL", day),
            Body::Housing(Housing::HomelessnessApplication(application)),
        );
    }

    fn emergency(&mut self, person: &Person, accommodation: &str) {
        let site = one_of(self.rng, &HOSPITALS, "RRV");
        let trust = format!("ODS:{site}");
        let day = self.any_day(5);
        let at = self.time_on(day, 2);
        let attendance = EdAttendance {
            arrival_at: Some(at),
            ods_site: format!("{site}01"),
            attendance_source_snomed: None,
            chief_complaint_snomed: Some("22253000".into()),
            acuity_snomed: None,
            accommodation_status: Some(accommodation.into()),
            discharge_destination_snomed: None,
            self_discharged: self.rng.random_bool(0.2),
            safeguarding_concern: self.rng.random_bool(0.1),
        };
        self.tell(
            Story::of(person, &trust, "LOCAL", day).at(at),
            Body::Health(Health::EdAttendance(attendance)),
        );
        let recorded = AccommodationStatusRecorded {
            code: accommodation.into(),
            recorded_in: "ED".into(),
            snomed: None,
        };
        self.tell(
            Story::of(person, &trust, "LOCAL", day).at(at),
            Body::Health(Health::AccommodationStatusRecorded(recorded)),
        );
    }

    fn notification(&mut self, person: &Person, day: Day, kind: &str, brag: &str) {
        let child = kind == "CHILD";
        let notification = ProtectionNotification {
            report_ref: format!("R{:07}", person.number),
            legacy_report_type: Some(if child { "PAC".into() } else { "ACN".into() }),
            subject_kind: kind.into(),
            vaf_appearance: Some(true),
            vaf_behaviour: Some(self.rng.random_bool(0.5)),
            vaf_communication: Some(false),
            vaf_danger: Some(self.rng.random_bool(0.3)),
            vaf_environment: Some(true),
            brag: brag.into(),
            categories: vec![if child {
                "CHILD_CONCERN".into()
            } else {
                "ROUGH_SLEEPING".into()
            }],
            housing_concern: !child,
            location_gss: Some(person.authority.into()),
        };
        self.tell(
            Story::of(person, "POLICE_FORCE:metropolitan", "LOCAL", day),
            Body::Police(Police::ProtectionNotification(notification)),
        );
    }

    fn looked_after(&mut self, child: &Person) {
        let council = format!("GSS:{}", child.authority);
        // Half were looked after before the calendar starts; their open episode is part of the first load.
        let entered = if self.rng.random_bool(0.5) {
            self.start.plus(-self.rng.random_range(30..900))
        } else {
            self.any_day(60)
        };
        let entered = entered.max(child.birth.plus(20));
        if self.rng.random_bool(0.4) {
            self.notification(child, entered.plus(-3).max(self.start), "CHILD", "RED");
        }
        let place = one_of(self.rng, &["U4", "U6", "K2", "U1", "U3"], "U6");
        let mut episode = CareEpisode {
            episode_ref: format!("E{:06}-1", child.number),
            decom: Some(date(entered)),
            rne: "S".into(),
            ls: one_of(self.rng, &["C1", "C2", "V2"], "V2").into(),
            cin: one_of(self.rng, &["N1", "N1", "N1", "N4", "N5"], "N1").into(),
            place: place.into(),
            place_provider: Some("PR1".into()),
            dec: None,
            rec: None,
            reason_place_change: None,
            pl_distance_tenths_mile: Some(self.rng.random_range(5..300)),
            in_borough: Some(self.rng.random_bool(0.5)),
        };
        let opened = self.tell(
            Story::of(child, &council, "LA_CHILD_ID", entered),
            Body::SocialCare(SocialCare::CareEpisode(episode.clone())),
        );
        if self.rng.random_bool(0.3) {
            let moved = entered.max(self.start).plus(self.rng.random_range(10..100));
            if moved < self.end {
                episode.dec = Some(date(moved));
                episode.rec = Some("X1".into());
                episode.reason_place_change = Some("CARPL".into());
                let story = Story::of(child, &council, "LA_CHILD_ID", moved)
                    .dated(entered)
                    .superseding(opened);
                self.tell(
                    story,
                    Body::SocialCare(SocialCare::CareEpisode(episode.clone())),
                );
                let next = CareEpisode {
                    episode_ref: format!("E{:06}-2", child.number),
                    decom: Some(date(moved)),
                    rne: "P".into(),
                    place: "K2".into(),
                    place_provider: Some("PR4".into()),
                    dec: None,
                    rec: None,
                    reason_place_change: None,
                    ..episode
                };
                self.tell(
                    Story::of(child, &council, "LA_CHILD_ID", moved),
                    Body::SocialCare(SocialCare::CareEpisode(next)),
                );
            }
        }
        self.health_assessment(child, entered);
        self.reviews(child, &council, entered);
        // The older go missing more often, and more of them: so that their share of incidents is the published one.
        let goes_missing = match child.age_on(self.end) {
            16.. => 0.60,
            10..16 => 0.22,
            _ => 0.0,
        };
        if self.rng.random_bool(goes_missing) {
            self.missing(child);
        }
        if self.rng.random_bool(0.2) {
            self.emergency(child, "MA00");
        }
    }

    fn health_assessment(&mut self, child: &Person, entered: Day) {
        let asked = entered.plus(2);
        let mut assessment = CicHealthAssessment {
            assessment_type: "IHA".into(),
            requested_on: Some(date(asked)),
            completed_on: None,
            outcome: None,
            clinician_role: None,
            immunisations_up_to_date: None,
            teeth_checked: None,
        };
        let trust = "ODS:RRV";
        let first = self.tell(
            Story::of(child, trust, "LOCAL", asked),
            Body::Health(Health::CicHealthAssessment(assessment.clone())),
        );
        let days = if happens(self.rng, figures::HEALTH_ASSESSMENT_IN_TIME) {
            self.rng.random_range(8..24)
        } else {
            self.rng.random_range(32..90)
        };
        let done = entered.plus(days);
        if done < self.end {
            assessment.completed_on = Some(date(done));
            assessment.outcome = Some("COMPLETED".into());
            assessment.clinician_role = Some("PAEDIATRICIAN".into());
            assessment.immunisations_up_to_date = Some(self.rng.random_bool(0.8));
            assessment.teeth_checked = Some(self.rng.random_bool(0.7));
            let story = Story::of(child, trust, "LOCAL", done)
                .dated(asked)
                .superseding(first);
            self.tell(story, Body::Health(Health::CicHealthAssessment(assessment)));
        }
    }

    fn reviews(&mut self, child: &Person, council: &str, entered: Day) {
        let mut due = entered.plus(26);
        let mut gap = 88;
        while due < self.end {
            let held = due.plus(self.rng.random_range(-6..9));
            if held < self.end && held > entered {
                let code = if child.age_on(held) < 4 {
                    "PN0"
                } else {
                    one_of(self.rng, &["PN1", "PN2", "PN4", "PN6"], "PN1")
                };
                let review = ReviewHeld {
                    reviewed_on: Some(date(held)),
                    review_code: code.into(),
                    due_on: Some(date(due)),
                };
                self.tell(
                    Story::of(child, council, "LA_CHILD_ID", held),
                    Body::SocialCare(SocialCare::ReviewHeld(review)),
                );
            }
            due = due.plus(gap);
            gap = 180;
        }
    }

    fn missing(&mut self, child: &Person) {
        let incidents = if child.age_on(self.end) >= 16 {
            self.heavy_tail(2, 12)
        } else {
            self.heavy_tail(1, 6)
        };
        for number in 0..incidents {
            let day = self.any_day(4);
            let mut episode = MissingEpisode {
                episode_ref: format!("M{:06}-{number}", child.number),
                phase: "REPORTED".into(),
                risk: one_of(self.rng, &["MEDIUM", "MEDIUM", "HIGH", "LOW"], "MEDIUM").into(),
                placement_ref: None,
                whereabouts_known: Some(false),
                prevention_interview_done: None,
            };
            let force = "POLICE_FORCE:metropolitan";
            let reported = self.time_on(day, 21);
            self.tell(
                Story::of(child, force, "LOCAL", day).at(reported),
                Body::Police(Police::MissingEpisode(episode.clone())),
            );
            // A few are still missing when the calendar ends.
            if self.rng.random_bool(0.05) {
                continue;
            }
            let back = day.plus(self.rng.random_range(1..4));
            for phase in ["LOCATED", "CLOSED"] {
                episode.phase = phase.into();
                episode.whereabouts_known = Some(true);
                episode.prevention_interview_done = Some(phase == "CLOSED");
                self.tell(
                    Story::of(child, force, "LOCAL", back),
                    Body::Police(Police::MissingEpisode(episode.clone())),
                );
            }
        }
    }
}

/// A calendar date as the contracts write it.
pub fn date(day: Day) -> walbrook_proto::common::v1::Date {
    let (year, month, day) = day.ymd();
    walbrook_proto::common::v1::Date { year, month, day }
}
