use super::*;
use walbrook_proto::view::v1::CohortCategory;

fn dimension(name: &str, categories: [&str; 2]) -> CohortDimension {
    CohortDimension {
        name: name.into(),
        label: name.to_uppercase(),
        meaning: String::new(),
        categories: categories
            .map(|category| CohortCategory {
                name: category.into(),
                label: format!("is {category}"),
            })
            .to_vec(),
    }
}

/// Counts of every combination of these dimensions, in order.
fn answer(dimensions: Vec<CohortDimension>, people: &[Option<u32>]) -> CountRowsResponse {
    let sizes = dimensions.len();
    let cells = people.iter().enumerate().map(|(at, people)| CohortCell {
        categories: (0..sizes)
            .map(|place| u32::from(at >> (sizes - 1 - place) & 1 == 1))
            .collect(),
        people: *people,
        groups: 3,
        groups_withheld: if people.is_some() { 1 } else { 3 },
    });
    CountRowsResponse {
        cells: cells.collect(),
        dimensions,
        least: 10,
        rounded_to: 5,
        facts: None,
    }
}

#[test]
fn two_dimensions_are_a_cross_tabulation_and_what_is_not_told_is_a_dash() {
    let dimensions = vec![dimension("a", ["x", "y"]), dimension("b", ["p", "q"])];
    let text = rendered(&answer(dimensions, &[Some(15), None, None, Some(120)]));
    let cells =
        |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
    let line = |start: &str| {
        text.lines()
            .find(|line| line.trim_start().starts_with(start))
            .map(cells)
    };
    assert_eq!(line("is x").unwrap(), ["is", "x", "15", "–"], "{text}");
    assert_eq!(line("is y").unwrap(), ["is", "y", "–", "120"], "{text}");
    assert!(
        text.contains("Of 12 finest groups 8 have fewer than 10 people"),
        "{text}"
    );
}

#[test]
fn one_dimension_and_none_are_lines() {
    let by_one = rendered(&answer(vec![dimension("a", ["x", "y"])], &[Some(15), None]));
    assert!(
        by_one.contains("By A") && by_one.contains("is y"),
        "{by_one}"
    );
    let all = rendered(&answer(Vec::new(), &[Some(15)]));
    assert!(all.contains("everybody") && all.contains("15"), "{all}");
}

#[test]
fn json_names_categories_and_has_null_for_what_is_not_told() {
    let json = as_json(&answer(vec![dimension("a", ["x", "y"])], &[Some(15), None]));
    assert_eq!(json["cells"][0]["of"]["a"], "x");
    assert_eq!(json["cells"][0]["people"], 15);
    assert!(json["cells"][1]["people"].is_null());
}
