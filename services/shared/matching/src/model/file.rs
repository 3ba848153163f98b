//! The model as a file: what a person reviews, signs off and keeps. It holds no value of any record.

use super::{BILLION, FieldModel, MATCH, Model, Parameters, Trained};
use crate::bits::ratio_millibits;
use crate::level::{FIELDS, Field};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A model file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("matching model, {at}: {problem}")]
pub struct ModelError {
    /// Which part of the file.
    pub at: String,
    /// What is wrong and what is expected.
    pub problem: String,
}

fn wrong(at: impl Into<String>, problem: impl Into<String>) -> ModelError {
    ModelError {
        at: at.into(),
        problem: problem.into(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    version: u32,
    trained: Origin,
    prior: Prior,
    thresholds: Thresholds,
    rarity: Rarity,
    crowded: Crowded,
    fields: BTreeMap<String, BTreeMap<String, Pair>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Origin {
    on: String,
    records: u32,
    day: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prior {
    others_per_record_millionths: u64,
    relatives_per_record_millionths: u64,
    least_records: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    automatic_ten_thousandths: i32,
    automatic_precision_ten_thousandths: i32,
    floor_ten_thousandths: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rarity {
    pseudo_records: u32,
    rarest_name_per_billion: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Crowded {
    postcode_records: u32,
    uprn_records: u32,
    email_records: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    m_per_billion: u64,
    u_per_billion: u64,
    r_per_billion: u64,
}

impl Model {
    /// Reads a model file.
    ///
    /// # Errors
    /// When it is no TOML of this form, names a field or level that is not compared here, or holds a number out of range.
    pub fn read(text: &str) -> Result<Self, ModelError> {
        // The parser's message may quote a line of the file, which is no record of anybody.
        let file: File =
            toml::from_str(text).map_err(|error| wrong("as TOML", error.to_string()))?;
        check(&file)?;
        let mut fields: [Option<FieldModel>; FIELDS] = Default::default();
        for (name, levels) in &file.fields {
            let field = Field::read(name);
            let field = field
                .ok_or_else(|| wrong(format!("fields.{name}"), "no such field is compared"))?;
            if let Some(slot) = fields.get_mut(field.index()) {
                *slot = Some(levels_of(field, levels)?);
            }
        }
        Ok(Self::new(Parameters {
            name: file.name,
            version: file.version,
            trained: Trained {
                on: file.trained.on,
                records: file.trained.records,
                day: file.trained.day,
            },
            others_millionths: file.prior.others_per_record_millionths,
            relatives_millionths: file.prior.relatives_per_record_millionths,
            least_records: file.prior.least_records,
            automatic: file.thresholds.automatic_ten_thousandths,
            automatic_precision: file.thresholds.automatic_precision_ten_thousandths,
            floor: file.thresholds.floor_ten_thousandths,
            pseudo_records: file.rarity.pseudo_records,
            rarest_name: file.rarity.rarest_name_per_billion,
            crowded_postcode: file.crowded.postcode_records,
            crowded_uprn: file.crowded.uprn_records,
            crowded_email: file.crowded.email_records,
            fields,
        }))
    }

    /// The file of this model; [`Model::read`] reads the same model from it.
    pub fn to_text(&self) -> String {
        let p = self.parameters();
        let mut out = String::from(
            "# A Fellegi-Sunter model, written by `walbrook identity train`. How often a level is seen among pairs of records of one person (m),\n\
             # among pairs of records of two people (u), and of two people of one family or household (r), where both records have the field. Behind them the\n\
             # weight against strangers in bits: log2(m / u).\n",
        );
        let quoted = |text: &str| toml::Value::from(text).to_string();
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "name = {}\nversion = {}\n\n[trained]\non = {}\nrecords = {}\nday = {}\n\n\
             # How many other records of its person a record has: over the records held, or over `least_records`\n\
             # where fewer are held, this is the odds before anything is compared.\n\
             [prior]\nothers_per_record_millionths = {}\nrelatives_per_record_millionths = {}\nleast_records = {}\n\n\
             # Linked without a person's look from `automatic`: where the estimated precision reaches 0.99, never below 0.95.\n\
             [thresholds]\nautomatic_ten_thousandths = {}\nautomatic_precision_ten_thousandths = {}\nfloor_ten_thousandths = {}\n\n\
             # How common a name is comes from the records held, and from this many more of average commonness.\n\
             [rarity]\npseudo_records = {}\nrarest_name_per_billion = {}\n\n\
             # What more records share says nothing.\n\
             [crowded]\npostcode_records = {}\nuprn_records = {}\nemail_records = {}\n",
            quoted(&p.name),
            p.version,
            quoted(&p.trained.on),
            p.trained.records,
            quoted(&p.trained.day),
            p.others_millionths,
            p.relatives_millionths,
            p.least_records,
            p.automatic,
            p.automatic_precision,
            p.floor,
            p.pseudo_records,
            p.rarest_name,
            p.crowded_postcode,
            p.crowded_uprn,
            p.crowded_email,
        );
        for (field, levels) in Field::ALL.into_iter().zip(&p.fields) {
            let Some(levels) = levels else { continue };
            let _ = write!(out, "\n[fields.{}]\n", field.as_str());
            let rates = levels.m.iter().zip(&levels.u).zip(&levels.r);
            for (word, ((m, u), r)) in field.levels().iter().zip(rates) {
                let weight = ratio_millibits((*m).max(1), (*u).max(1));
                let sign = if weight < 0 { "-" } else { "+" };
                let (bits, tenths) = (weight.abs() / 1_000, weight.abs() % 1_000 / 100);
                let _ = writeln!(
                    out,
                    "{word} = {{ m_per_billion = {m}, u_per_billion = {u}, r_per_billion = {r} }} # {sign}{bits}.{tenths}"
                );
            }
        }
        out
    }
}

fn check(file: &File) -> Result<(), ModelError> {
    let name = !file.name.is_empty()
        && file.name.len() <= 64
        && file
            .name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !name {
        return Err(wrong(
            "name",
            "expected up to 64 lower-case letters, digits and hyphens",
        ));
    }
    if file.version == 0 {
        return Err(wrong("version", "counts from 1"));
    }
    let t = &file.thresholds;
    if !(MATCH..10_000).contains(&t.automatic_ten_thousandths) {
        return Err(wrong(
            "thresholds.automatic_ten_thousandths",
            "expected 9500 to 9999: nothing below 0.95 is linked without a person's look",
        ));
    }
    if !(0..=10_000).contains(&t.automatic_precision_ten_thousandths) {
        return Err(wrong(
            "thresholds.automatic_precision_ten_thousandths",
            "expected 0 to 10000",
        ));
    }
    if !(1..=super::POTENTIAL).contains(&t.floor_ten_thousandths) {
        return Err(wrong(
            "thresholds.floor_ten_thousandths",
            "expected 1 to 8500",
        ));
    }
    if !(1..=1_000_000_000).contains(&file.prior.others_per_record_millionths) {
        return Err(wrong(
            "prior.others_per_record_millionths",
            "expected 1 to a billion",
        ));
    }
    if !(0..=1_000_000_000).contains(&file.prior.relatives_per_record_millionths) {
        return Err(wrong(
            "prior.relatives_per_record_millionths",
            "expected 0 to a billion",
        ));
    }
    if !(1..=BILLION).contains(&file.rarity.rarest_name_per_billion) {
        return Err(wrong(
            "rarity.rarest_name_per_billion",
            "expected 1 to a billion",
        ));
    }
    if file.fields.is_empty() {
        return Err(wrong("fields", "a model compares at least one field"));
    }
    Ok(())
}

fn levels_of(field: Field, levels: &BTreeMap<String, Pair>) -> Result<FieldModel, ModelError> {
    let at = |word: &str| format!("fields.{}.{word}", field.as_str());
    if let Some(unknown) = levels
        .keys()
        .find(|word| !field.levels().contains(&word.as_str()))
    {
        return Err(wrong(
            at(unknown),
            format!("no such level; expected {}", field.levels().join(", ")),
        ));
    }
    let mut out = FieldModel {
        m: Vec::new(),
        u: Vec::new(),
        r: Vec::new(),
    };
    for word in field.levels() {
        let pair = levels
            .get(*word)
            .ok_or_else(|| wrong(at(word), "missing"))?;
        let rates = [pair.m_per_billion, pair.u_per_billion, pair.r_per_billion];
        if rates.iter().any(|rate| !(1..=BILLION).contains(rate)) {
            return Err(wrong(at(word), "expected m, u and r of 1 to a billion"));
        }
        out.m.push(pair.m_per_billion);
        out.u.push(pair.u_per_billion);
        out.r.push(pair.r_per_billion);
    }
    Ok(out)
}
