//! How a record is named on the command line.

use std::str::FromStr;

use walbrook_domain::{Handle, Organisation};
use walbrook_proto::identity::v1::record_ref::By;
use walbrook_proto::identity::v1::{HandleForRequest, RecordRef};

/// A record: its handle, or its organisation's own id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordName {
    /// By handle.
    Handle(Handle),
    /// By the organisation's own id.
    Local {
        /// The agency, for example `housing`.
        agency: String,
        /// The organisation that holds the record.
        organisation: Organisation,
        /// Kind of the id, for example `LOCAL`.
        id_scheme: String,
        /// The id; may hold slashes.
        local_id: String,
    },
}

/// Not a record's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a handle (32 hex characters) or agency/organisation/scheme/id, for example housing/GSS:E09000007/LOCAL/H-1"
)]
pub struct NotARecord;

impl FromStr for RecordName {
    type Err = NotARecord;

    fn from_str(text: &str) -> Result<Self, NotARecord> {
        if let Ok(handle) = text.parse() {
            return Ok(Self::Handle(handle));
        }
        let mut parts = text.splitn(4, '/');
        let mut part = || {
            parts
                .next()
                .filter(|part| !part.is_empty())
                .ok_or(NotARecord)
        };
        let (agency, organisation, id_scheme, local_id) = (part()?, part()?, part()?, part()?);
        Ok(Self::Local {
            agency: agency.to_owned(),
            organisation: organisation.parse().map_err(|_| NotARecord)?,
            id_scheme: id_scheme.to_owned(),
            local_id: local_id.to_owned(),
        })
    }
}

impl From<RecordName> for RecordRef {
    fn from(name: RecordName) -> Self {
        let by = match name {
            RecordName::Handle(handle) => By::Handle(handle.as_bytes().to_vec()),
            RecordName::Local {
                agency,
                organisation,
                id_scheme,
                local_id,
            } => By::Local(HandleForRequest {
                agency,
                organisation: organisation.to_string(),
                id_scheme,
                local_id,
            }),
        };
        Self { by: Some(by) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_handle_or_by_its_own_id() {
        let handle = "000102030405060708090a0b0c0d0e0f";
        assert_eq!(
            handle.parse(),
            Ok(RecordName::Handle(handle.parse().unwrap()))
        );
        let local: RecordName = "housing/GSS:E09000007/LOCAL/H/1".parse().unwrap();
        let RecordName::Local { local_id, .. } = &local else {
            panic!("{local:?}");
        };
        assert_eq!(local_id, "H/1");
        for wrong in [
            "",
            "0001",
            "housing/GSS:E09000007/LOCAL",
            "housing/Camden/LOCAL/1",
            "housing/GSS:E09000007//1",
        ] {
            assert_eq!(wrong.parse::<RecordName>(), Err(NotARecord), "{wrong}");
        }
    }
}
