//! Who somebody is, said without an event: the same rules, identity alone, nothing on the log, and a reason to say it.

use std::sync::Arc;

use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use walbrook_agency::{Agency, Body, Enrolments, Gateway, Rule, Schedules};
use walbrook_proto::common::v1::enrol_outcome::Outcome;
use walbrook_proto::common::v1::enrolments_client::EnrolmentsClient;
use walbrook_proto::common::v1::enrolments_server::EnrolmentsServer;
use walbrook_proto::common::v1::{
    Date, Demographics, EnrolOutcome, EnrolRequest, EventHead, Refusal, Subject,
};
use walbrook_proto::housing::v1::{Event, PublishRequest};
use walbrook_runtime::callers::{Credential, TokenRequest, role};
use walbrook_runtime::readiness::Readiness;
use walbrook_runtime::server::{self, Services};

use crate::house::{CAMDEN, EVENT, House, demographics, event, reason, schedule, subject};

const LETTING: &str = "housing.TenancyStarted";

/// The same agency under the name that its event types have.
struct Housing;

impl Agency for Housing {
    const NAME: &'static str = "housing";
    const GRPC_PORT: u16 = 7198;
    type Event = Event;

    fn rules() -> &'static [&'static Rule] {
        &[]
    }

    fn head(event: &Event) -> Option<&EventHead> {
        event.head.as_ref()
    }

    fn body(_: &Event) -> Option<Body<'_>> {
        None
    }
}

type Client = EnrolmentsClient<InterceptedService<Channel, Credential>>;

struct Door {
    house: House,
    schedules: Schedules,
    channel: Channel,
}

impl Door {
    async fn open() -> Self {
        let house = House::open().await;
        let mut parts = house.parts();
        let schedules = Schedules::default();
        assert!(schedules.take(&schedule(CAMDEN, 1, &[EVENT])));
        parts.schedules = schedules.clone();
        let gateway = Gateway::<Housing>::new(parts);
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let services = Services::new(Arc::new(house.issuer.verifier()))
            .with(EnrolmentsServer::new(Enrolments(gateway)));
        let stop = house.shutdown.clone();
        tokio::spawn(async move {
            let set = walbrook_proto::FILE_DESCRIPTOR_SET;
            let served = services.serve(set, listener, Readiness::new(), stop).await;
            served.expect("served");
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self {
            house,
            schedules,
            channel: endpoint.connect().await.unwrap(),
        }
    }

    fn client(&self, organisation: &str, events: &str) -> Client {
        let caller = TokenRequest::new(organisation, "housing-system", role::PRODUCER);
        let credential = Credential::minted(self.house.issuer.clone(), caller.events(&[events]));
        EnrolmentsClient::with_interceptor(self.channel.clone(), credential)
    }

    async fn enrol(&self, subjects: Vec<Subject>) -> Result<Vec<EnrolOutcome>, Status> {
        let mut client = self.client(CAMDEN, "housing.*");
        let answer = client.enrol(EnrolRequest { subjects }).await?;
        Ok(answer.into_inner().outcomes)
    }
}

fn named(local_id: &str, demographics: Demographics) -> Subject {
    let mut sent = event(1, local_id);
    subject(&mut sent).demographics = Some(demographics);
    sent.head.unwrap().subject.unwrap()
}

/// Rule and field of every query.
fn queries(outcome: &EnrolOutcome) -> Vec<(&str, &str)> {
    let Some(Outcome::Enrolled(enrolled)) = &outcome.outcome else {
        panic!("{outcome:?}");
    };
    let notes = enrolled.queries.iter();
    notes
        .map(|note| (note.rule_id.as_str(), note.field.as_str()))
        .collect()
}

fn refusal(outcome: &EnrolOutcome) -> Vec<(&str, &str)> {
    let Some(Outcome::Refusal(Refusal { violations })) = &outcome.outcome else {
        panic!("{outcome:?}");
    };
    let told = violations.iter();
    told.map(|one| (one.rule_id.as_str(), one.field.as_str()))
        .collect()
}

#[tokio::test]
async fn subjects_go_to_identity_in_one_question_and_nothing_onto_the_log() {
    let door = Door::open().await;
    let subjects = ["P-1", "P-2", "P-3"].map(|id| named(id, demographics()));
    let outcomes = door.enrol(subjects.to_vec()).await.expect("enrolled");
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(|one| queries(one).is_empty()));
    let people = &door.house.people;
    assert_eq!((*people.calls.lock(), people.asked.lock().len()), (1, 3));
    assert!(
        door.house.log.records().is_empty(),
        "no event stands anywhere"
    );
    assert!(people.accepted.lock().is_empty(), "no event was accepted");

    // The same again is known here already: identity is not asked.
    let again = door.enrol(subjects.to_vec()).await.expect("enrolled");
    assert_eq!((again, *people.calls.lock()), (outcomes, 1));
}

#[tokio::test]
async fn an_event_about_an_enrolled_subject_need_not_say_who_it_is() {
    let door = Door::open().await;
    // Both gateways have one key, so one local id is one token.
    let enrolled = door.enrol(vec![named("P-1", demographics())]).await;
    enrolled.expect("enrolled");
    let mut later = event(1, "P-1");
    subject(&mut later).demographics = None;
    let mut client = door.house.client();
    let request = PublishRequest { event: Some(later) };
    client.publish(request).await.expect("a receipt");
}

#[tokio::test]
async fn of_a_restricted_subject_neither_address_nor_contact_goes_further() {
    let door = Door::open().await;
    let restricted = Demographics {
        restricted: true,
        email: Some("aveline@example.org".into()),
        town: Some("Camden Town".into()),
        uprn: Some("100023336956".into()),
        ..demographics()
    };
    let outcomes = door.enrol(vec![named("P-1", restricted)]).await.unwrap();
    let told = [("RESTRICTED_LEFT_OUT", "subject.demographics")];
    assert_eq!(queries(&outcomes[0]), told, "the sender is told");
    let asked = door.house.people.asked.lock()[0].demographics.clone();
    let asked = asked.expect("said who it is");
    let gone = [&asked.postcode, &asked.email, &asked.town, &asked.uprn];
    assert!(gone.iter().all(|text| text.is_empty()));
    assert!(asked.restricted);
}

#[tokio::test]
async fn each_subject_has_its_own_outcome_and_everything_wrong_is_said() {
    let door = Door::open().await;
    let mut silent = named("P-2", demographics());
    silent.demographics = None;
    let mut odd = named("P 3", demographics());
    odd.scheme = "PASSPORT".into();
    let unborn = Demographics {
        birth_date: Date::new(2999, 1, 1),
        ..demographics()
    };
    let mistyped = Demographics {
        nhs_number: Some("9990000019".into()),
        ..demographics()
    };
    let subjects = vec![
        named("P-1", unborn),
        silent,
        odd,
        named("P-4", mistyped),
        named("P-5", demographics()),
    ];
    let outcomes = door.enrol(subjects).await.expect("answered");
    let field = "subject.demographics.birth_date";
    assert_eq!(refusal(&outcomes[0]), [("BIRTH_DATE_IMPOSSIBLE", field)]);
    let field = "subject.demographics";
    assert_eq!(refusal(&outcomes[1]), [("DEMOGRAPHICS_NEEDED", field)]);
    assert_eq!(
        refusal(&outcomes[2]),
        [
            ("SUBJECT_SCHEME_UNKNOWN", "subject.scheme"),
            ("LOCAL_ID_FORM", "subject.local_id")
        ]
    );
    let field = "subject.demographics.nhs_number";
    assert_eq!(queries(&outcomes[3]), [("NHS_NUMBER_CHECK_DIGIT", field)]);
    assert!(queries(&outcomes[4]).is_empty());
    let asked = door.house.people.asked.lock();
    assert_eq!(asked.len(), 2, "what is refused goes nowhere");
    let said = asked[0].demographics.as_ref().unwrap();
    assert_eq!(said.nhs_number, "", "it links nobody");
}

#[tokio::test]
async fn whoever_publishes_nothing_about_persons_here_enrols_nobody() {
    let door = Door::open().await;
    let ask = || EnrolRequest {
        subjects: vec![named("P-1", demographics())],
    };
    // No schedule; a schedule without a type about persons; a schedule of another agency's types.
    let (islington, barnet, brent) = ("GSS:E09000019", "GSS:E09000003", "GSS:E09000005");
    assert!(
        door.schedules
            .take(&schedule(barnet, 1, &["tfl.LineStatusChanged"]))
    );
    assert!(
        door.schedules
            .take(&schedule(brent, 1, &["police.MissingEpisode"]))
    );
    for organisation in [islington, barnet, brent] {
        let refused = door.client(organisation, "*").enrol(ask()).await;
        let refused = refused.expect_err("no reason to name anybody");
        assert_eq!(refused.code(), Code::FailedPrecondition, "{organisation}");
        assert_eq!(reason(&refused), "NOT_IN_PUBLICATION_SCHEDULE");
        assert!(refused.message().contains("walbrook schedule publish"));
    }
    // A type that the organisation publishes, and the caller may not send.
    let refused = door.client(CAMDEN, LETTING).enrol(ask()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    assert!(
        door.house.people.asked.lock().is_empty(),
        "nothing was said"
    );
    let taken = door.client(CAMDEN, EVENT).enrol(ask()).await;
    taken.expect("one type is enough");
}

#[tokio::test]
async fn too_many_are_refused_whole_and_identity_away_is_no_answer() {
    let door = Door::open().await;
    let many = (0..1_001).map(|n| named(&format!("P-{n}"), demographics()));
    let refused = door.enrol(many.collect()).await.expect_err("too many");
    let told = (refused.code(), reason(&refused));
    assert_eq!(told, (Code::InvalidArgument, "TOO_MANY_SUBJECTS".into()));

    door.house.people.set_down(true);
    let subjects = vec![named("P-1", demographics())];
    let refused = door.enrol(subjects.clone()).await.expect_err("away");
    assert_eq!(refused.code(), Code::Unavailable);
    door.house.people.set_down(false);
    assert_eq!(door.enrol(subjects).await.expect("back").len(), 1);
}
