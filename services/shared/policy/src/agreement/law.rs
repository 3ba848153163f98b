//! Legal gateways an agreement may cite. Source: domain reference §7.5 and §1.4; kept as data, so that a correction is one line.

use crate::class::{Class, Who};

/// A legal gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway {
    /// The id agreements cite.
    pub id: &'static str,
    /// The citation.
    pub citation: &'static str,
    /// Which bodies may disclose under it.
    pub bodies: &'static [Body],
    /// Whether it demands the person's consent.
    pub consent: bool,
}

/// A kind of body, as far as gateways tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Local authorities.
    Authority,
    /// NHS bodies.
    Nhs,
    /// Police forces.
    Police,
    /// Transport for London.
    Transport,
    /// The Greater London Authority.
    CityHall,
    /// Charities and registered providers.
    Voluntary,
}

impl Body {
    /// The kind of body someone is. An organisation of no class is taken for City Hall when it is the GLA, and for none otherwise.
    pub fn of(who: &Who) -> Option<Body> {
        match who.class() {
            Some(Class::LondonAuthority) => Some(Body::Authority),
            Some(Class::NhsBody) => Some(Body::Nhs),
            Some(Class::PoliceForce) => Some(Body::Police),
            Some(Class::TransportOperator) => Some(Body::Transport),
            Some(Class::Charity | Class::RegisteredProvider) => Some(Body::Voluntary),
            None => match who {
                Who::Organisation(one) if one.to_string() == "GSS:E12000007" => {
                    Some(Body::CityHall)
                }
                _ => None,
            },
        }
    }
}

use Body::{Authority, CityHall, Nhs, Police, Transport, Voluntary};

const ALL: &[Body] = &[Authority, Nhs, Police, Transport, CityHall, Voluntary];

const fn gateway(id: &'static str, citation: &'static str, bodies: &'static [Body]) -> Gateway {
    Gateway {
        id,
        citation,
        bodies,
        consent: false,
    }
}

/// Every gateway, by id.
pub const GATEWAYS: &[Gateway] = &[
    gateway(
        "ca1989-s17",
        "Children Act 1989 s17 (children in need)",
        &[Authority, Nhs],
    ),
    gateway(
        "ca1989-s22",
        "Children Act 1989 s22 (duties to looked-after children)",
        &[Authority],
    ),
    gateway(
        "ca1989-s27",
        "Children Act 1989 s27 (co-operation between authorities)",
        &[Authority, Nhs],
    ),
    gateway(
        "ca1989-s47",
        "Children Act 1989 s47 (duty to investigate)",
        &[Authority, Nhs, Police],
    ),
    gateway(
        "ca2004-s10",
        "Children Act 2004 s10 (co-operation to improve well-being)",
        &[Authority, Nhs, Police],
    ),
    gateway(
        "ca2004-s11",
        "Children Act 2004 s11 (safeguarding and promoting welfare)",
        &[Authority, Nhs, Police, Transport],
    ),
    gateway(
        "ca2004-s16la",
        "Children Act 2004 s16LA (duty to disclose for safeguarding, from the Children's Wellbeing and Schools Act 2026 s4)",
        &[Authority, Nhs, Police],
    ),
    gateway(
        "care2014-s6",
        "Care Act 2014 s6-7 (co-operation)",
        &[Authority, Nhs, Police],
    ),
    gateway(
        "care2014-s42",
        "Care Act 2014 s42-45 (adults at risk)",
        &[Authority, Nhs, Police],
    ),
    gateway(
        "cda1998-s115",
        "Crime and Disorder Act 1998 s115 (power to disclose)",
        &[Authority, Nhs, Police],
    ),
    // English NHS bodies are not specified persons in Schedule 4.
    gateway(
        "dea2017-s35",
        "Digital Economy Act 2017 s35 with SI 2018/912 (multiple disadvantages)",
        &[Authority, Police, Transport, CityHall],
    ),
    gateway(
        "gla1999-s141",
        "Greater London Authority Act 1999 s141 and Sch 11 (Transport for London)",
        &[Transport],
    ),
    gateway(
        "gla1999-s30",
        "Greater London Authority Act 1999 s30 and s34 (general and subsidiary powers)",
        &[CityHall, Transport, Voluntary],
    ),
    gateway(
        "ha1996-part7",
        "Housing Act 1996 Part VII, s179 to s195",
        &[Authority],
    ),
    gateway(
        "ha1996-s213",
        "Housing Act 1996 s213 and s213A (co-operation)",
        &[Authority, Voluntary],
    ),
    // Police, TfL, GPs, housing associations and schools are not on the list of s213B.
    Gateway {
        id: "ha1996-s213b",
        citation: "Housing Act 1996 s213B (duty to refer, with the person's agreement)",
        bodies: &[Authority, Nhs],
        consent: true,
    },
    gateway(
        "hsca2012-s251b",
        "Health and Social Care Act 2012 s251B (duty to share for direct care)",
        &[Nhs, Authority],
    ),
    gateway(
        "la2011-s1",
        "Localism Act 2011 s1 (general power)",
        &[Authority],
    ),
    gateway(
        "lga1972-s111",
        "Local Government Act 1972 s111 (subsidiary powers)",
        &[Authority],
    ),
    gateway(
        "nhsa2006-s251",
        "National Health Service Act 2006 s251 (use without consent; the opt-out applies)",
        &[Nhs],
    ),
    gateway(
        "ogl-v3",
        "Publication under the Open Government Licence v3 (data about nobody)",
        ALL,
    ),
];

/// The gateway of that id.
pub fn gateway_of(id: &str) -> Option<&'static Gateway> {
    GATEWAYS.iter().find(|gateway| gateway.id == id)
}
