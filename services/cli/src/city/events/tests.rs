use super::*;
use crate::city::lives::Life;
use indicatif::ProgressBar;
use std::collections::HashSet;

fn span() -> Span {
    Span {
        from: "2025-10-01".parse().unwrap(),
        to: "2026-09-30".parse().unwrap(),
    }
}

fn lives(people: u64) -> Lives {
    Lives::new(5, people, span(), 10)
}

/// The lines of a part, made on so many threads with so many bytes held.
fn text(
    people: u64,
    blocks: std::ops::Range<u64>,
    threads: usize,
    held_bytes: usize,
) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let lives = lives(people);
    let transport = blocks.start == 0;
    let order = Order {
        lives: &lives,
        blocks,
        transport,
        index_days: &[span().to],
        threads,
        held_bytes,
        bar: &ProgressBar::hidden(),
    };
    let runs = Folder::beside(&folder.path().join("out")).unwrap();
    let files = truth::Files::create(&folder.path().join("truth")).unwrap();
    let made = make::make(&order, &runs, Some(files)).unwrap();
    let out = folder.path().join("out");
    write(&out, &made.runs, made.events).unwrap();
    let read =
        |name: &str| std::fs::read_to_string(folder.path().join("truth").join(name)).unwrap();
    let truth = ["who.csv", "people.csv", "next.csv"].map(read).concat();
    (std::fs::read_to_string(&out).unwrap(), truth)
}

#[test]
fn the_bytes_are_the_same_whatever_the_threads_and_the_runs() {
    let blocks = lives(700).blocks();
    let whole = text(700, 0..blocks, 1, 1 << 30);
    assert!(whole.0.lines().count() > 500, "{}", whole.0.lines().count());
    assert_eq!(whole, text(700, 0..blocks, 1, 1 << 30), "again");
    assert_eq!(
        whole,
        text(700, 0..blocks, 3, 20_000),
        "three threads, many runs"
    );
}

#[test]
fn parts_made_by_themselves_are_the_city() {
    let blocks = lives(700).blocks();
    let (whole, _) = text(700, 0..blocks, 1, 1 << 30);
    let mut parts: Vec<String> = [0..5, 5..blocks]
        .into_iter()
        .flat_map(|part| {
            text(700, part, 1, 1 << 30)
                .0
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    parts.sort_unstable();
    lines.sort_unstable();
    assert_eq!(parts, lines);
}

#[test]
fn lines_are_in_time_order_and_hold_no_truth() {
    let (whole, truth) = text(700, 0..lives(700).blocks(), 2, 100_000);
    let mut ids = HashSet::new();
    for line in whole.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            ids.insert(
                line["event"]["head"]["eventId"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            )
        );
        let subject = &line["event"]["head"]["subject"];
        if subject.is_object() {
            let agency = line["agency"].as_str().unwrap();
            let organisation = line["organisation"].as_str().unwrap();
            let local = subject["localId"].as_str().unwrap();
            assert!(truth.contains(&format!(
                "{agency},{organisation},{},{local},",
                subject["scheme"].as_str().unwrap()
            )));
        }
    }
    for word in ["vulnerability", "slept-rough", "route-", "within"] {
        assert!(!whole.contains(word), "{word} stands in the events");
    }
    assert!(truth.contains("slept-rough"));
}

#[test]
fn what_is_packed_is_read_back() {
    let lives = lives(300);
    for block in 0..lives.blocks() {
        for Life { told, .. } in lives.block(block) {
            for told in told {
                let mut bytes = Vec::new();
                packed::pack(told.event.clone(), &mut bytes);
                let back = packed::unpack(&bytes).unwrap();
                assert_eq!(format!("{back:?}"), format!("{:?}", told.event));
                assert!(
                    packed::unpack(&bytes[..bytes.len() / 2]).is_none_or(|part| format!(
                        "{part:?}"
                    ) != format!(
                        "{back:?}"
                    ))
                );
            }
        }
    }
}
