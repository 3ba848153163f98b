//! Episodes of care: placements, moves, legal statuses, and how care ends.

use super::super::chance::{days_until, weighted, whether};
use super::super::diary::{Diary, Note, date};
use super::super::home::council;
use super::super::published as figures;
use super::Care;
use crate::publish::Body;
use rand::Rng;
use walbrook_domain::Day;
use walbrook_proto::social_care::v1::{CareEpisode, PlacementChanged, event::Body as SocialCare};

/// The first day of registered supported accommodation as a code of its own.
const SUPPORTED_FROM: (i32, i32, i32) = (2024, 4, 1);

/// An episode, still without its end.
#[derive(Clone)]
struct Episode {
    began: Day,
    reason: &'static str,
    status: &'static str,
    place: &'static str,
    provider: &'static str,
    tenths_mile: i32,
    in_borough: bool,
}

/// Tells every episode of a period of care; those that ended before the first day in one event each, as a first load does.
pub(super) fn told(diary: &mut Diary<'_>, care: &Care) {
    let council = council(diary.soul);
    let need = weighted(
        &mut diary.rng,
        &[
            ("N1", 63),
            ("N5", 14),
            ("N4", 8),
            ("N8", 8),
            ("N2", 3),
            ("N3", 3),
            ("N6", 1),
        ],
        "N1",
    );
    let episodes = episodes(diary, care);
    let last = episodes.len().saturating_sub(1);
    let ceased = ceased(diary, care);
    for (number, episode) in episodes.iter().enumerate() {
        let next = episodes.get(number + 1);
        let ended = next.map_or(care.left, |next| next.began);
        let moved = next.is_some_and(|next| next.reason == "P");
        let why = moved.then(|| {
            let reasons = [
                ("CARPL", 45),
                ("CREQB", 20),
                ("CREQO", 8),
                ("CHILD", 10),
                ("PLACE", 7),
                ("LAREQ", 10),
            ];
            weighted(&mut diary.rng, &reasons, "OTHER")
        });
        let rec = if number == last { ceased } else { "X1" };
        let episode_ref = diary.reference('E', u32::try_from(number).unwrap_or(0));
        let body = |ended: Option<Day>| {
            Body::SocialCare(SocialCare::CareEpisode(CareEpisode {
                episode_ref: episode_ref.clone(),
                decom: Some(date(episode.began)),
                rne: episode.reason.into(),
                ls: episode.status.into(),
                cin: need.into(),
                place: episode.place.into(),
                place_provider: Some(episode.provider.into()),
                dec: ended.map(date),
                rec: ended.map(|_| rec.into()),
                reason_place_change: ended.and(why).map(Into::into),
                pl_distance_tenths_mile: Some(episode.tenths_mile),
                in_borough: Some(episode.in_borough),
            }))
        };
        if ended < diary.span.from {
            let note = Note::on(council, episode.began).told_on(diary.span.from);
            diary.tell(note, body(Some(ended)));
        } else {
            diary.period(council, episode.began, Some(ended), body);
        }
        if let (Some(next), Some(why)) = (next.filter(|_| moved), why) {
            changed(diary, episode, next, why);
        }
    }
}

fn changed(diary: &mut Diary<'_>, from: &Episode, to: &Episode, why: &str) {
    let change = PlacementChanged {
        changed_on: Some(date(to.began)),
        from_place: from.place.into(),
        to_place: to.place.into(),
        reason_place_change: Some(why.into()),
        pl_distance_tenths_mile: Some(to.tenths_mile),
        in_borough: Some(to.in_borough),
    };
    let body = Body::SocialCare(SocialCare::PlacementChanged(change));
    diary.tell(Note::on(council(diary.soul), to.began), body);
}

/// The episodes of a period, one after another without a gap.
fn episodes(diary: &mut Diary<'_>, care: &Care) -> Vec<Episode> {
    // Of those looked after, six in ten lives are troubled; together the moves have the published mean.
    let moves = figures::PLACEMENT_MOVES.probability();
    let rate = if super::troubled(diary) {
        moves * 1.4
    } else {
        moves * 0.4
    };
    let status = weighted(&mut diary.rng, &[("C1", 45), ("V2", 40), ("C2", 15)], "V2");
    let order = (status == "C1" && whether(&mut diary.rng, 0.8))
        .then(|| care.entered.plus(diary.rng.random_range(150..280)));
    let mut episode = placed(diary, care.entered, "S", status);
    let mut episodes = vec![episode.clone()];
    let mut moved = care
        .entered
        .plus(days_until(&mut diary.rng, 365.0 / rate).max(10));
    let mut ordered = order;
    loop {
        let next = ordered.map_or(moved, |ordered| ordered.min(moved));
        if next.plus(3) >= care.left || episodes.len() > 40 {
            return episodes;
        }
        // Two changes are never on neighbouring days: an episode lasts.
        let began = next.max(episode.began.plus(2));
        if ordered.is_some_and(|ordered| ordered <= moved) {
            ordered = None;
            episode = Episode {
                began,
                reason: "L",
                status: "C2",
                ..episode
            };
        } else {
            let status = episode.status;
            episode = placed(diary, began, "P", status);
            moved = began.plus(days_until(&mut diary.rng, 365.0 / rate).max(10));
        }
        if began.plus(3) >= care.left {
            return episodes;
        }
        episodes.push(episode.clone());
    }
}

fn placed(
    diary: &mut Diary<'_>,
    began: Day,
    reason: &'static str,
    status: &'static str,
) -> Episode {
    let age = diary.soul.age_on(began);
    let supported = if age >= 16 && began.ymd() >= SUPPORTED_FROM {
        35
    } else {
        0
    };
    let parents = if status == "V2" { 0 } else { 6 };
    let children_home = if age >= 10 { 20 } else { 1 };
    let place = weighted(
        &mut diary.rng,
        &[
            ("K3", supported),
            ("P1", parents),
            ("K2", children_home),
            ("U6", 42),
            ("U4", 16),
            ("U3", 10),
            ("U1", 6),
        ],
        "U6",
    );
    let provider = match place {
        "P1" => "PR0",
        "K2" | "K3" => weighted(&mut diary.rng, &[("PR4", 85), ("PR1", 15)], "PR4"),
        "U1" | "U3" => "PR1",
        _ => weighted(&mut diary.rng, &[("PR1", 55), ("PR4", 45)], "PR1"),
    };
    let in_borough = whether(&mut diary.rng, 0.4);
    let tenths_mile = diary
        .rng
        .random_range(if in_borough { 3..40 } else { 30..600 });
    Episode {
        began,
        reason,
        status,
        place,
        provider,
        tenths_mile,
        in_borough,
    }
}

fn ceased(diary: &mut Diary<'_>, care: &Care) -> &'static str {
    let adult = care.left >= diary.soul.birthday(18);
    let reasons: &[(&str, u32)] = if adult {
        &[("E5", 45), ("E6", 15), ("E17", 28), ("E8", 12)]
    } else {
        &[
            ("E4A", 40),
            ("E4B", 18),
            ("E45", 12),
            ("E13", 8),
            ("E41", 7),
            ("E8", 15),
        ]
    };
    weighted(&mut diary.rng, reasons, "E8")
}
