//! What the law says, as far as agreements are checked against it: files of `law/`, handed over as text.
//!
//! Nothing here knows what they mean; the policy crate reads them.

/// Each file of `law/`: its name, and its text.
pub const FILES: [(&str, &str); 5] = [
    ("gateways.toml", include_str!("../law/gateways.toml")),
    ("bases.toml", include_str!("../law/bases.toml")),
    ("roles.toml", include_str!("../law/roles.toml")),
    ("fields.toml", include_str!("../law/fields.toml")),
    (
        "organisations.toml",
        include_str!("../law/organisations.toml"),
    ),
];
