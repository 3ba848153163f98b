"""Splink on a file of records, with the settings its documentation shows for such data: trained without labels, every scored pair written.

    dedupe.py RECIPE RECORDS.csv PAIRS.csv

`fake_1000` follows Splink's examples for that file (tutorials, examples/duckdb/accuracy_analysis_from_labels_column): of the comparisons that they
show those that did best, and the wider blocking. `people` follows its example of 50,000 persons (examples/duckdb/deduplicate_50k_synthetic) for
the columns of `walbrook city people`, with what those records have beside: e-mail, UPRN, NHS number and UPN.
Prints one line of JSON: seconds, CPU-seconds and memory, from reading the file to the pairs on disk and the persons.
"""

import json
import logging
import resource
import sys
import time

import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

# Pairs below are of no threshold that anybody would use: 0.001 is about 10 bits under an even chance.
LEAST_PROBABILITY = 0.001
# At which its examples cluster.
SURE = 0.95


def fake_1000():
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("first_name"),
            block_on("surname"),
            block_on("dob"),
            block_on("email"),
        ],
        comparisons=[
            cl.NameComparison("first_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("surname").configure(term_frequency_adjustments=True),
            cl.DateOfBirthComparison("dob", input_is_string=False),
            cl.DamerauLevenshteinAtThresholds("city", [1, 2]).configure(term_frequency_adjustments=True),
            cl.EmailComparison("email"),
        ],
    )
    certain = [
        "l.first_name = r.first_name and levenshtein(r.dob::VARCHAR, l.dob::VARCHAR) <= 1",
        "l.surname = r.surname and levenshtein(r.dob::VARCHAR, l.dob::VARCHAR) <= 1",
        "l.first_name = r.first_name and levenshtein(r.surname, l.surname) <= 2",
        "l.email = r.email",
    ]
    training = [block_on("dob"), block_on("email"), block_on("first_name", "surname")]
    return settings, certain, 0.7, 1e6, training


def people():
    blocking = [
        block_on("nhs_number"),
        block_on("upn"),
        block_on("email"),
        block_on("uprn", "first_name"),
        block_on("substr(first_name,1,3)", "substr(surname,1,4)", "substr(dob_text,1,4)"),
        block_on("surname", "dob"),
        block_on("first_name", "dob"),
        block_on("postcode", "first_name"),
        block_on("postcode", "surname"),
        block_on("dob", "town"),
        block_on("substr(postcode,1,3)", "dob"),
        block_on("substr(postcode,1,4)", "first_name", "surname"),
        block_on("first_name", "surname", "substr(dob_text,6,5)"),
        block_on("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob_text,1,7)"),
    ]
    # One comparison, as its topic guide on dependent columns asks: postcode, UPRN and town counted apart make one person of every household.
    address = cl.CustomComparison(
        output_column_name="address",
        comparison_levels=[
            cll.And(cll.NullLevel("uprn"), cll.NullLevel("postcode")),
            cll.ExactMatchLevel("uprn").configure(tf_adjustment_column="uprn"),
            cll.ExactMatchLevel("postcode").configure(tf_adjustment_column="postcode"),
            cll.CustomLevel("split_part(postcode_l, ' ', 1) = split_part(postcode_r, ' ', 1)", "same district"),
            cll.ElseLevel(),
        ],
    )
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=blocking,
        comparisons=[
            cl.ForenameSurnameComparison(
                "first_name",
                "surname",
                forename_surname_concat_col_name="first_name_surname",
            ),
            cl.DateOfBirthComparison("dob", input_is_string=False),
            address,
            cl.EmailComparison("email"),
            cl.ExactMatch("nhs_number"),
            cl.ExactMatch("upn"),
        ],
    )
    certain = [
        block_on("first_name", "surname", "dob"),
        block_on("substr(first_name,1,2)", "surname", "postcode"),
        block_on("dob", "postcode"),
    ]
    training = [block_on("first_name", "surname"), block_on("dob")]
    return settings, certain, 0.6, 1e7, training


RECIPES = {"fake_1000": fake_1000, "people": people}


# What the columns are called there, and here.
COLUMNS = {
    "fake_1000": "unique_id, first_name, surname, dob, city, email",
    "people": """record as unique_id, given_name as first_name, family_name as surname, birth_date as dob, town, email, postcode, uprn,
        nhs_number, upn""",
}


def read(db, recipe, records):
    # An empty cell is a missing value and case says nothing, as for ours.
    return db.duckdb_con.sql(
        f"""
        select * replace (
                lower(trim(first_name)) as first_name, lower(trim(surname)) as surname,
                try_cast(dob as date) as dob, lower(email) as email),
            dob as dob_text,
            lower(trim(first_name)) || ' ' || lower(trim(surname)) as first_name_surname
        from (select {COLUMNS[recipe]} from read_csv('{records}', header = true, all_varchar = true, nullstr = ''))
        """
    )


def main(recipe, records, pairs):
    logging.getLogger("splink").setLevel(logging.ERROR)
    began = time.monotonic()
    db = DuckDBAPI()
    settings, certain, recall, max_pairs, training = RECIPES[recipe]()
    table = db.register(read(db, recipe, records))
    linker = Linker(table, settings, log_level=logging.ERROR)
    linker.training.estimate_probability_two_random_records_match(certain, recall=recall)
    linker.training.estimate_u_using_random_sampling(max_pairs=max_pairs, seed=5)
    for rule in training:
        linker.training.estimate_parameters_using_expectation_maximisation(
            rule, estimate_without_term_frequencies=True
        )
    trained = time.monotonic()
    predicted = linker.inference.predict(threshold_match_probability=LEAST_PROBABILITY)
    name = predicted.physical_name
    db.duckdb_con.sql(
        f"copy (select unique_id_l, unique_id_r, match_weight, match_probability from {name}) to '{pairs}' (header)"
    )
    written = time.monotonic()
    linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=SURE)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "took_s": time.monotonic() - began,
                "training_s": trained - began,
                "clustering_s": time.monotonic() - written,
                "cpu_s": used.ru_utime + used.ru_stime,
                "peak_mib": used.ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
