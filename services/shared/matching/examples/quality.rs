//! How well a model trained without labels finds who is who, by threshold: `cargo run --release -p walbrook-matching --example quality -- FILE.csv [MODEL.toml]`.
//! The file has a header; its column `cluster` is the truth and is used for measuring only.

use std::collections::HashMap;
use walbrook_domain::Day;
use walbrook_matching::{Counts, Features, Model, Plan, Stated, train};

fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let mut reader = csv::Reader::from_path(&path).expect("a CSV file");
    let header: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let (mut records, mut truth, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for row in reader.records() {
        let row = row.unwrap();
        let mut stated = Stated::default();
        for (name, value) in header.iter().zip(row.iter()) {
            let value = value.to_owned();
            match name.as_str() {
                "first_name" | "given_name" => stated.given_name = value,
                "surname" | "family_name" => stated.family_name = value,
                "dob" | "birth_date" => stated.birth_date = day(&value),
                "city" | "town" => stated.town = value,
                "postcode" => stated.postcode = value,
                "uprn" => stated.uprn = value,
                "email" => stated.email = value,
                "cluster" | "person" => truth.push(value),
                _ => {}
            }
        }
        ids.push(format!("{:?}", row.iter().collect::<Vec<_>>()));
        records.push(stated.features());
    }
    let started = std::time::Instant::now();
    let plan = Plan {
        name: "try".into(),
        version: 1,
        on: path,
        day: "2026-11-23".into(),
        least_records: 0,
        seed: 1,
        rounds: 50,
    };
    let model = match std::env::args().nth(2).filter(|m| m.ends_with(".toml")) {
        Some(model) => Model::read(&std::fs::read_to_string(model).unwrap()).unwrap(),
        None => train(&records, &plan).expect("a model"),
    };
    println!("{}trained in {:?}\n", model.to_text(), started.elapsed());
    measure(&records, &truth, &ids, &model);
}

fn day(text: &str) -> Option<Day> {
    let mut parts = text.split('-').map(|p| p.parse::<i32>());
    Day::from_ymd(
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    )
}

fn measure(records: &[Features], truth: &[String], ids: &[String], model: &Model) {
    let mut sizes: HashMap<&str, u64> = HashMap::new();
    for person in truth {
        *sizes.entry(person).or_default() += 1;
    }
    let all: u64 = sizes.values().map(|n| n * (n - 1) / 2).sum();
    let mut counts = Counts::default();
    let mut index: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut pairs = Vec::new();
    let (mut found, mut compared) = (0, 0u64);
    let started = std::time::Instant::now();
    for (i, record) in records.iter().enumerate() {
        let mut near: Vec<usize> = Vec::new();
        for key in walbrook_matching::blocks(record).iter() {
            let bucket = index.entry(key.0).or_default();
            if bucket.len() <= key.most() {
                near.extend(bucket.iter());
            }
            bucket.push(i);
        }
        if std::env::var_os("ALL").is_some() {
            near = (0..i).collect();
        }
        near.sort_unstable();
        near.dedup();
        compared += near.len() as u64;
        found += near.iter().filter(|j| truth[**j] == truth[i]).count();
        pairs.extend(near.into_iter().map(|j| (j, i)));
        counts.add(record);
    }
    println!(
        "blocks: {} of {all} true pairs among {compared} in {:?}",
        found,
        started.elapsed()
    );
    let started = std::time::Instant::now();
    let mut scored: Vec<(i32, bool, bool, usize, usize)> = Vec::new();
    for (i, j) in pairs {
        let s = if std::env::var_os("INFULL").is_some() {
            Some(model.compare(&records[i], &records[j], &counts.besides(&records[j])))
        } else {
            model.candidate(&records[i], &records[j], &counts.besides(&records[j]))
        };
        if let Some(s) = s {
            scored.push((s.millibits, s.held.is_some(), truth[i] == truth[j], i, j));
        }
    }
    println!(
        "scored in {:?}: {:?} a pair",
        started.elapsed(),
        started.elapsed() / compared as u32
    );
    for held in [false, true] {
        let mut list: Vec<_> = scored.iter().filter(|s| !held || !s.1).copied().collect();
        list.sort_by_key(|s| -s.0);
        println!(
            "{}",
            if held {
                "\nonly pairs that nothing holds back"
            } else {
                "all pairs"
            }
        );
        println!("  weight  probability | pairs: P      R      F1    | persons: P      R      F1");
        let (mut best, mut best_persons) = ((0.0, String::new()), (0.0, String::new()));
        let mut parent: Vec<usize> = (0..records.len()).collect();
        let mut right = 0;
        let shown = [
            20_000, 15_000, 10_000, 8_000, 6_630, 4_248, 2_502, 0, -2_000, -3_000,
        ];
        for (n, pair) in list.iter().enumerate() {
            right += u64::from(pair.2);
            let (a, b) = (root(&mut parent, pair.3), root(&mut parent, pair.4));
            parent[a] = b;
            if list.get(n + 1).is_some_and(|next| next.0 == pair.0) {
                continue;
            }
            let due = shown
                .iter()
                .any(|s| pair.0 >= *s && list.get(n + 1).is_none_or(|next| next.0 < *s));
            let pairwise = prf(right, n as u64 + 1, all);
            let by_person = if due || n % 10 == 0 {
                clusters(&mut parent, truth, all)
            } else {
                (0., 0., 0.)
            };
            let line = |w: i32| {
                format!(
                    "  {:6.1}  {:.4}      |  {:.4} {:.4} {:.4} |  {:.4} {:.4} {:.4}",
                    f64::from(w) / 1000.0,
                    1.0 / (1.0 + 2f64.powf(-f64::from(w) / 1000.0)),
                    pairwise.0,
                    pairwise.1,
                    pairwise.2,
                    by_person.0,
                    by_person.1,
                    by_person.2
                )
            };
            if due {
                println!("{}", line(pair.0));
            }
            if pairwise.2 > best.0 {
                best = (pairwise.2, line(pair.0));
            }
            if by_person.2 > best_persons.0 {
                best_persons = (by_person.2, line(pair.0));
            }
        }
        println!("best pairs\n{}\nbest persons\n{}", best.1, best_persons.1);
    }
    if std::env::var_os("SHOW").is_some() {
        for s in scored.iter().filter(|s| !s.2 && s.0 > 0) {
            println!("WRONG {} held {}\n  {}\n  {}", s.0, s.1, ids[s.3], ids[s.4]);
        }
        let mut missed: Vec<_> = scored
            .iter()
            .filter(|s| s.2 && (s.0 < 4_000 || s.1))
            .collect();
        missed.sort();
        for s in missed.iter().rev().take(60) {
            println!(
                "MISSED {} held {}\n  {}\n  {}",
                s.0, s.1, ids[s.3], ids[s.4]
            );
        }
    }
}

fn root(parent: &mut [usize], mut of: usize) -> usize {
    while parent[of] != of {
        parent[of] = parent[parent[of]];
        of = parent[of];
    }
    of
}

fn prf(right: u64, said: u64, all: u64) -> (f64, f64, f64) {
    let (p, r) = (right as f64 / said.max(1) as f64, right as f64 / all as f64);
    (p, r, 2.0 * p * r / (p + r).max(1e-9))
}

fn clusters(parent: &mut [usize], truth: &[String], all: u64) -> (f64, f64, f64) {
    let (mut said, mut both): (HashMap<usize, u64>, HashMap<(usize, &str), u64>) =
        Default::default();
    for (i, person) in truth.iter().enumerate() {
        let own = root(parent, i);
        *said.entry(own).or_default() += 1;
        *both.entry((own, person)).or_default() += 1;
    }
    let pairs = |n: &u64| n * (n - 1) / 2;
    prf(
        both.values().map(pairs).sum(),
        said.values().map(pairs).sum(),
        all,
    )
}
