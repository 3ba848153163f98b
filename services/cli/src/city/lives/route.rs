//! What stood before the street: the route that somebody new to it took, told by those who saw it. Its weights among new people are the published
//! ones where there are any (asylum support, private rent), and ours for the rest.

use super::chance::{weighted, whether};
use super::diary::Diary;
use super::street::{self, Rough};
use super::{Tenure, care, health, home, police};
use rand::Rng;

/// Tells what came before the first night.
pub(super) fn told(diary: &mut Diary<'_>, rough: &Rough, status: &str, institution: &str) {
    let private = super::published::NEW_FROM_PRIVATE_RENT.ten_thousandths;
    let leaver = (18..25).contains(&diary.soul.age_on(rough.first));
    let route = match (status, institution) {
        (_, "ASYLUM_SUPPORT") => "asylum",
        ("FLOW", _) if whether(&mut diary.rng, f64::from(private) / 8_300.0) => "private-rent",
        (_, "PRISON") if whether(&mut diary.rng, 0.45) => "custody",
        (_, "CARE") if leaver => "care",
        _ => weighted(
            &mut diary.rng,
            &[
                ("family", 34),
                (
                    "eviction",
                    if diary.soul.tenure == Tenure::Social {
                        25
                    } else {
                        4
                    },
                ),
                ("hospital", 12),
                ("hostel", 15),
                ("custody", 10),
                ("nobody-saw", 20),
            ],
            "nobody-saw",
        ),
    };
    diary.course(match route {
        "asylum" => "route-asylum-support",
        "private-rent" => "route-private-rent",
        "custody" => "route-custody",
        "care" => "route-care",
        "family" => "route-family",
        "eviction" => "route-eviction",
        "hospital" => "route-hospital",
        "hostel" => "route-hostel",
        _ => "route-unseen",
    });
    let ago = |diary: &mut Diary<'_>, least: i32, most: i32| {
        let days = diary.rng.random_range(least..most);
        rough.first.plus(-days)
    };
    match route {
        "asylum" => {
            let day = ago(diary, 5, 40);
            sought_help(diary, day, "REQUIRED_TO_LEAVE_ASYLUM_SUPPORT", "NASS", 0.6);
        }
        "private-rent" => {
            let served = ago(diary, 90, 200);
            home::private_notice(diary, served, true);
            let day = ago(diary, 3, 60);
            sought_help(diary, day, "END_PRS_AST", "PRS_SELF_CONTAINED", 0.5);
        }
        "custody" => {
            let day = ago(diary, 0, 30);
            police::release(diary, day, true);
        }
        "care" => {
            let day = ago(diary, 5, 120);
            care::leaver_without_home(diary, day);
        }
        "family" => {
            let day = ago(diary, 3, 90);
            sought_help(
                diary,
                day,
                "FAMILY_OR_FRIENDS_NO_LONGER_WILLING",
                "LIVING_WITH_FRIENDS",
                0.5,
            );
            if whether(&mut diary.rng, 0.25) {
                let day = ago(diary, 3, 60);
                police::adult_notice(diary, day, true);
            }
        }
        "eviction" => {
            let day = ago(diary, 2, 60);
            home::evicted(diary, day);
        }
        "hospital" => {
            let day = ago(diary, 0, 25);
            health::discharge(diary, day, true);
        }
        "hostel" => {
            let stayed = diary.rng.random_range(14..120);
            let left = ago(diary, 1, 30);
            let why = if whether(&mut diary.rng, 0.6) {
                "ABANDONED"
            } else {
                "EVICTED_BEHAVIOUR"
            };
            street::hostel(diary, left.plus(-stayed), Some((left, why)));
        }
        _ => {}
    }
}

fn sought_help(
    diary: &mut Diary<'_>,
    day: walbrook_domain::Day,
    reason: &'static str,
    living: &'static str,
    share: f64,
) {
    if whether(&mut diary.rng, share) {
        home::application(diary, day, reason, living, home::Outcome::Lost);
    }
}
