mod figures;

use super::*;
use crate::city::events::{self, EventsArgs};
use clap::Parser;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::Cursor;

/// The two days measured: the label of the first ends where the second begins.
const FIRST: &str = "2026-03-31";
const SECOND: &str = "2026-06-30";

#[derive(Debug, Parser)]
struct Generate {
    #[command(flatten)]
    events: EventsArgs,
}

/// A small city with many on the street: its events, and its truth on disk.
struct Sample {
    folder: tempfile::TempDir,
    events: String,
}

impl Sample {
    async fn new(people: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (out, truth) = (folder.path().join("events"), folder.path().join("truth"));
        let people = people.to_string();
        let (out_text, truth_text) = (out.display().to_string(), truth.display().to_string());
        let args = [
            "city",
            "--people",
            &people,
            "--seed",
            "11",
            "--from",
            "2025-07-01",
            "--to",
            SECOND,
            "--more",
            "40",
            "--out",
            &out_text,
            "--truth",
            &truth_text,
            "--index",
            FIRST,
            "--index",
            SECOND,
        ];
        events::run(&Generate::parse_from(args).events)
            .await
            .unwrap();
        let events = std::fs::read_to_string(out).unwrap();
        Self { folder, events }
    }

    fn truth(&self) -> Truth {
        Truth::read(&self.folder.path().join("truth")).unwrap()
    }

    fn args(&self) -> RoughSleepingArgs {
        RoughSleepingArgs {
            events: self.folder.path().join("events"),
            truth: self.folder.path().join("truth"),
            view: shipped_file(),
            score: None,
            baseline: None,
            role: "housing-options-officer".into(),
            capacity: 20,
            within: "90".into(),
            svg: Some(self.folder.path().join("chart.svg")),
            record: Some(self.folder.path().join("record.md")),
            json: false,
        }
    }
}

fn shipped_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/views/rough_sleeping_risk.toml")
}

fn views() -> [View; 2] {
    let text = std::fs::read_to_string(shipped_file()).unwrap();
    let shipped = view("shipped", &text).unwrap();
    let simple = score::scored(&shipped, "simple rules", SIMPLE).unwrap();
    [shipped, simple]
}

fn rows(events: &str, truth: &Truth) -> Vec<Ranked> {
    let [score, simple] = views();
    ranked(
        Cursor::new(events),
        Path::new("events"),
        truth,
        [&score, &simple],
        "housing-options-officer",
    )
    .unwrap()
}

fn told_after(line: &str, day: &str) -> bool {
    let line: Json = serde_json::from_str(line).unwrap();
    let told = walbrook_domain::Instant::parse_rfc3339(line["told_at"].as_str().unwrap()).unwrap();
    told.london_day() > day.parse().unwrap()
}

/// The lines told after a day, each with the record of another line's subject: the future belongs to others.
fn future_shuffled(events: &str, day: &str) -> String {
    let (mut past, mut future): (Vec<Json>, Vec<Json>) = (Vec::new(), Vec::new());
    for line in events.lines() {
        let parsed = serde_json::from_str(line).unwrap();
        if told_after(line, day) {
            future.push(parsed)
        } else {
            past.push(parsed)
        }
    }
    let mut places: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (place, line) in future.iter().enumerate() {
        if line["event"]["head"]["subject"].is_object() {
            let of = |name: &str| line[name].as_str().unwrap().to_owned();
            places
                .entry((of("agency"), of("organisation")))
                .or_default()
                .push(place);
        }
    }
    for places in places.values() {
        let subjects: Vec<Json> = places
            .iter()
            .map(|place| future[*place]["event"]["head"]["subject"].clone())
            .collect();
        for (at, place) in places.iter().enumerate() {
            future[*place]["event"]["head"]["subject"] =
                subjects[(at + 1) % subjects.len()].clone();
        }
    }
    past.iter()
        .chain(&future)
        .map(|line| format!("{line}\n"))
        .collect()
}

#[tokio::test]
async fn what_is_told_after_the_index_day_changes_nothing_on_it() {
    let sample = Sample::new(3_000).await;
    let truth = sample.truth();
    let whole = rows(&sample.events, &truth);
    assert_eq!(whole.len(), 2);
    assert!(
        whole[0].score.iter().any(|row| row.points_hundredths > 0),
        "somebody has points"
    );
    let kept: String = sample
        .events
        .lines()
        .filter(|line| !told_after(line, FIRST))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(kept.len() < sample.events.len());
    assert_eq!(rows(&kept, &truth)[0], whole[0], "the future deleted");
    let shuffled = rows(&future_shuffled(&sample.events, FIRST), &truth);
    assert_eq!(shuffled[0], whole[0], "the future shuffled");
    assert_ne!(
        shuffled[1], whole[1],
        "later on the shuffle does show: the test can fail"
    );
}

#[tokio::test]
async fn what_came_next_is_in_no_row() {
    let sample = Sample::new(1_500).await;
    let whole = rows(&sample.events, &sample.truth());
    let path = sample.folder.path().join("truth/next.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let turned = text
        .replace("true", "yes")
        .replace("false", "true")
        .replace("yes", "false");
    assert_ne!(text, turned);
    std::fs::write(&path, turned).unwrap();
    assert_eq!(rows(&sample.events, &sample.truth()), whole);
}

#[tokio::test]
async fn the_command_measures_draws_and_writes_the_record() {
    let sample = Sample::new(3_000).await;
    let args = sample.args();
    let exit = rough_sleeping(&args).unwrap();
    let [score, simple] = views();
    let truth = sample.truth();
    let ranked = rows(&sample.events, &truth);
    let report = Report::new(&truth, &ranked, [&score, &simple], args.capacity, 90);
    let sentence = report.sentence();
    match report.verdict.ships {
        Tool::Score => assert_eq!((exit, sentence.contains("keep them")), (Exit::Done, true)),
        Tool::Simple => assert_eq!(
            (
                exit,
                sentence.contains("put those there, section-8-expiring")
            ),
            (Exit::Difference, true)
        ),
    }
    let chart = std::fs::read_to_string(args.svg.unwrap()).unwrap();
    assert!(
        chart.starts_with("<svg") && chart.contains("no row"),
        "{chart}"
    );
    let record_text = std::fs::read_to_string(args.record.unwrap()).unwrap();
    for part in record::PARTS {
        let heading = format!("## {}", part.replace('_', " "));
        assert!(record_text.contains(&heading), "{part}: {record_text}");
    }
    let parts = record::json(&report, &score);
    assert_eq!(parts.as_object().unwrap().len(), record::PARTS.len());
    assert!(record_text.contains(&sentence));
    assert!(!score.rules.is_empty() && report.json()["verdict"]["use"].is_string());
    assert!(report.rendered().contains("Calibration"));
}

fn line(told_at: &str, met_on: &str, local_id: &str) -> String {
    let (year, month, day) = met_on.parse::<Day>().unwrap().ymd();
    format!(
        r#"{{"told_at":"{told_at}","agency":"housing","organisation":"CHARITY:street-outreach","event":{{"head":{{"eventId":"{}","subject":{{"scheme":"CHAIN_ID","localId":"{local_id}"}},"occurredOn":{{"year":{year},"month":{month},"day":{day}}}}},"roughSleepingContact":{{"contactAt":"{met_on}T22:00:00Z","area":"BUS","outreachTeam":"T"}}}}}}"#,
        uuid::Uuid::new_v4()
    ) + "\n"
}

/// Truth of one adult with one record.
fn one_person(next: &str) -> (tempfile::TempDir, Truth) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "who.csv",
        "agency,organisation,id_scheme,local_id,person,errors\nhousing,CHARITY:street-outreach,CHAIN_ID,C1,7,\n",
    );
    write(
        "people.csv",
        "person,household,born,vulnerability_thousandths,courses,sex,name_origin\n7,1,1990-01-01,0,,female,irish\n",
    );
    write(
        "next.csv",
        &format!(
            "person,index_date,bedded_down_before,next_bedded_down_on,within_90_days,within_180_days\n{next}"
        ),
    );
    let truth = Truth::read(folder.path()).unwrap();
    (folder, truth)
}

#[test]
fn what_happened_before_and_was_told_later_was_not_known() {
    let (_folder, truth) =
        one_person("7,2026-01-10,false,,false,false\n7,2026-02-10,false,,false,false\n");
    // Met on 5 January: told the same day, and told in February.
    let late = rows(&line("2026-02-01T09:00:00Z", "2026-01-05", "C1"), &truth);
    assert_eq!((late[0].score.len(), late[1].score.len()), (0, 1));
    let early = rows(&line("2026-01-05T23:00:00Z", "2026-01-05", "C1"), &truth);
    assert_eq!((early[0].score.len(), early[1].score.len()), (1, 1));
    // The last moment of the index day counts, the first of the next does not.
    for (told_at, known) in [("2026-01-10T23:59:59Z", 1), ("2026-01-11T00:00:00Z", 0)] {
        assert_eq!(
            rows(&line(told_at, "2026-01-05", "C1"), &truth)[0]
                .score
                .len(),
            known,
            "{told_at}"
        );
    }
}

#[test]
fn lines_say_what_is_wrong_with_them() {
    let (_folder, truth) = one_person("7,2026-03-10,false,,false,false\n");
    let [score, simple] = views();
    let read = |text: &str| {
        let read = ranked(
            Cursor::new(text),
            Path::new("events"),
            &truth,
            [&score, &simple],
            "x",
        );
        read.map_or_else(|failure| failure.text(), |_| String::new())
    };
    let good = line("2026-01-05T23:00:00Z", "2026-01-05", "C1");
    assert_eq!(read(&good), "");
    for (text, said) in [
        (
            line("2026-01-05T23:00:00Z", "2026-01-05", "C2"),
            "line 1: of a record that who.csv does not name",
        ),
        (
            good.clone() + &line("2026-01-04T23:00:00Z", "2026-01-04", "C1"),
            "line 2: told before the line above",
        ),
        ("{}\n".to_owned(), "line 1: no event"),
        (
            good.replace("\"month\":1", "\"month\":13"),
            "line 1: a housing.RoughSleepingContact that its contract does not allow",
        ),
    ] {
        let found = read(&text);
        assert!(found.contains(said), "{found}");
    }
    // What protobuf's JSON leaves out is false, not unknown.
    let told = Lines::new(&[&score, &simple]).unwrap().read(&good).unwrap();
    let fields = told.event.unwrap().fields;
    assert!(
        fields.contains(&(1, walbrook_view::Value::Bool(false))),
        "{fields:?}"
    );
}
