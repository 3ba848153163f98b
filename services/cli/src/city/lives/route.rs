//! What stood before the street: the route that somebody new to it took, told by those who saw it. Its weights among new people are the published
//! ones where there are any (asylum support, private rent), and ours for the rest.

use super::chance::{weighted, whether};
use super::diary::Diary;
use super::street::{self, Rough};
use super::{Tenure, care, health, home, police};
use rand::Rng;

/// How somebody came to the street.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    AsylumSupport,
    PrivateRent,
    Custody,
    Care,
    Family,
    Eviction,
    Hospital,
    Hostel,
    Unseen,
}

impl Route {
    /// Its weight decides where nothing is known of it.
    fn drawn(diary: &mut Diary<'_>, rough: &Rough, status: &str, institution: &str) -> Self {
        let private = super::published::NEW_FROM_PRIVATE_RENT.ten_thousandths;
        let leaver = (18..25).contains(&diary.soul.age_on(rough.first));
        match (status, institution) {
            (_, "ASYLUM_SUPPORT") => return Self::AsylumSupport,
            ("FLOW", _) if whether(&mut diary.rng, f64::from(private) / 8_300.0) => {
                return Self::PrivateRent;
            }
            (_, "PRISON") if whether(&mut diary.rng, 0.45) => return Self::Custody,
            (_, "CARE") if leaver => return Self::Care,
            _ => {}
        }
        let social = diary.soul.tenure == Tenure::Social;
        let weights = [
            (Self::Family, 34),
            (Self::Eviction, if social { 25 } else { 4 }),
            (Self::Hospital, 12),
            (Self::Hostel, 15),
            (Self::Custody, 10),
            (Self::Unseen, 20),
        ];
        weighted(&mut diary.rng, &weights, Self::Unseen)
    }

    /// Its word in the truth.
    fn course(self) -> &'static str {
        match self {
            Self::AsylumSupport => "route-asylum-support",
            Self::PrivateRent => "route-private-rent",
            Self::Custody => "route-custody",
            Self::Care => "route-care",
            Self::Family => "route-family",
            Self::Eviction => "route-eviction",
            Self::Hospital => "route-hospital",
            Self::Hostel => "route-hostel",
            Self::Unseen => "route-unseen",
        }
    }
}

/// Tells what came before the first night.
pub(super) fn told(diary: &mut Diary<'_>, rough: &Rough, status: &str, institution: &str) {
    let route = Route::drawn(diary, rough, status, institution);
    diary.course(route.course());
    let ago = |diary: &mut Diary<'_>, least: i32, most: i32| {
        let days = diary.rng.random_range(least..most);
        rough.first.plus(-days)
    };
    match route {
        Route::AsylumSupport => {
            let day = ago(diary, 5, 40);
            sought_help(diary, day, "REQUIRED_TO_LEAVE_ASYLUM_SUPPORT", "NASS", 0.6);
        }
        Route::PrivateRent => {
            let served = ago(diary, 90, 200);
            home::private_notice(diary, served, true);
            let day = ago(diary, 3, 60);
            sought_help(diary, day, "END_PRS_AST", "PRS_SELF_CONTAINED", 0.5);
        }
        Route::Custody => {
            let day = ago(diary, 0, 30);
            police::release(diary, day, true);
        }
        Route::Care => {
            let day = ago(diary, 5, 120);
            care::leaver_without_home(diary, day);
        }
        Route::Family => {
            let day = ago(diary, 3, 90);
            let reason = "FAMILY_OR_FRIENDS_NO_LONGER_WILLING";
            sought_help(diary, day, reason, "LIVING_WITH_FRIENDS", 0.5);
            if whether(&mut diary.rng, 0.25) {
                let day = ago(diary, 3, 60);
                police::adult_notice(diary, day, true);
            }
        }
        Route::Eviction => {
            let day = ago(diary, 2, 60);
            home::evicted(diary, day);
        }
        Route::Hospital => {
            let day = ago(diary, 0, 25);
            health::discharge(diary, day, true);
        }
        Route::Hostel => {
            let stayed = diary.rng.random_range(14..120);
            let left = ago(diary, 1, 30);
            let abandoned = whether(&mut diary.rng, 0.6);
            let why = if abandoned {
                "ABANDONED"
            } else {
                "EVICTED_BEHAVIOUR"
            };
            street::hostel(diary, left.plus(-stayed), Some((left, why)));
        }
        Route::Unseen => {}
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
