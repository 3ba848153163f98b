//! The decoders.

mod documents;
mod imports;
mod records;
mod requests;

use crate::Target;

/// Every target.
pub const ALL: &[Target] = &[
    Target {
        name: "frames",
        run: requests::frames,
        words: &[
            b"\x0a\x24",
            b"\x12",
            b"LOCAL",
            b"NHS_NUMBER",
            b"E09000007",
            b"2026-02-30",
        ],
    },
    Target {
        name: "tokens",
        run: requests::tokens,
        words: &[b".", b"eyJ", b"=", b"\"exp\"", b"EdDSA", b"none"],
    },
    Target {
        name: "bodies",
        run: records::bodies,
        words: &[b"\x00", b"\x02", b"\x01", b"\x80\x80\x80\x80\x10"],
    },
    Target {
        name: "raw",
        run: records::raw,
        words: &[
            b"\x00\x00\x00\x00\x01",
            b"ce_id",
            b"housing.RentArrearsChanged",
            b"day",
        ],
    },
    Target {
        name: "control",
        run: records::control,
        words: &[b"\x00", b"\x02", b"CONSENT", b"GSS:E09000007"],
    },
    Target {
        name: "csv",
        run: documents::csv,
        words: &[
            b",",
            b"\"\"",
            b"\"\n\"",
            b"CHILD",
            b"DECOM",
            b"01/13/2025",
            b"\xe9",
        ],
    },
    Target {
        name: "json",
        run: documents::json,
        words: &[
            b"[",
            b"{",
            b"null",
            b"\"rows\":",
            b"\\u00e9",
            b"1e999",
            b"\"No data\"",
        ],
    },
    Target {
        name: "xml",
        run: documents::xml,
        words: &[
            b"<row>",
            b"</row>",
            b"<![CDATA[",
            b"&amp;",
            b"&lol;",
            b"<!DOCTYPE",
            b"<!--",
        ],
    },
    Target {
        name: "fhir",
        run: documents::fhir,
        words: &[
            b"\"resourceType\":\"Patient\"",
            b"\"birthDate\"",
            b"[",
            b"{",
            b"null",
        ],
    },
    Target {
        name: "imports",
        run: imports::rows,
        words: &[
            b"null",
            b"\"\"",
            b"2026-02-30",
            b"31/12/2025",
            b"1e999",
            b"-1",
            b"0001-01-01T00:00:00Z",
            b"<DOB>",
            b"\"No data\"",
        ],
    },
    Target {
        name: "agreements",
        run: documents::agreement,
        words: &[
            b"[[flow]]",
            b"fields = [",
            b"where = \"",
            b"= '''",
            b"1 = 1 and (",
        ],
    },
    Target {
        name: "views",
        run: documents::view,
        words: &[b"[[feature]]", b"[[rule]]", b"when = \"", b"{", b"not ("],
    },
];
