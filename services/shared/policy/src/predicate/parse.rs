//! Reads predicates: recursive descent, bounded in length and depth.

use super::{Literal, Operator, Predicate};
use walbrook_domain::Day;

/// Longest predicate, bytes.
const LENGTH_LIMIT: usize = 2_000;
/// Deepest nesting of brackets and `not`.
const DEPTH_LIMIT: usize = 20;
const KEYWORDS: [&str; 10] = [
    "and", "or", "not", "in", "has", "is", "present", "absent", "true", "false",
];

/// A text that is no predicate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a predicate at byte {at}: {problem}")]
pub struct PredicateError {
    /// Byte of the text, from 0.
    pub at: usize,
    /// What is wrong and what was expected.
    pub problem: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Literal(Literal),
    Operator(Operator),
    Open,
    Close,
    ListOpen,
    ListClose,
    Comma,
}

pub(super) fn parse(text: &str) -> Result<Predicate, PredicateError> {
    if text.len() > LENGTH_LIMIT {
        return Err(error(LENGTH_LIMIT, "longer than 2,000 bytes"));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        end: text.len(),
    };
    let predicate = parser.any(0)?;
    match parser.tokens.get(parser.next) {
        None => Ok(predicate),
        Some((at, _)) => Err(error(*at, "expected `and`, `or` or the end")),
    }
}

fn error(at: usize, problem: impl Into<String>) -> PredicateError {
    PredicateError {
        at,
        problem: problem.into(),
    }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, PredicateError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        let at = text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            return Ok(tokens);
        };
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '[' => (Token::ListOpen, 1),
            ']' => (Token::ListClose, 1),
            ',' => (Token::Comma, 1),
            '=' | '!' | '<' | '>' => operator(rest, at)?,
            '"' | '\'' => quoted(rest, first, at)?,
            '-' | '0'..='9' => number(rest, at)?,
            'a'..='z' | 'A'..='Z' | '_' => word(rest),
            _ => return Err(error(at, "unexpected character")),
        };
        tokens.push((at, token));
        rest = rest.get(length..).unwrap_or_default();
    }
}

fn operator(rest: &str, at: usize) -> Result<(Token, usize), PredicateError> {
    const OPERATORS: [(&str, Operator); 6] = [
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    OPERATORS
        .into_iter()
        .find(|(sign, _)| rest.starts_with(sign))
        .map(|(sign, operator)| (Token::Operator(operator), sign.len()))
        .ok_or_else(|| error(at, "expected =, !=, <, <=, > or >="))
}

fn quoted(rest: &str, quote: char, at: usize) -> Result<(Token, usize), PredicateError> {
    let inner = rest.get(1..).unwrap_or_default();
    let end = inner
        .find(quote)
        .ok_or_else(|| error(at, "the quote is not closed"))?;
    let text = inner.get(..end).unwrap_or_default();
    if text.contains(['"', '\'', '\\']) || text.chars().any(char::is_control) {
        return Err(error(
            at,
            "a text holds no quotes, backslashes or control characters",
        ));
    }
    Ok((Token::Literal(Literal::Text(text.to_owned())), end + 2))
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), PredicateError> {
    let length = rest
        .char_indices()
        .find(|(index, c)| !(c.is_ascii_digit() || *c == '_' || *c == '-' && *index != 1))
        .map_or(rest.len(), |(index, _)| index);
    let text = rest.get(..length).unwrap_or_default();
    let literal = match text.get(1..) {
        Some(tail) if tail.contains('-') => text
            .parse::<Day>()
            .map(Literal::Day)
            .map_err(|_| error(at, "expected a date that exists, as 2026-05-01"))?,
        _ => text
            .replace('_', "")
            .parse()
            .map(Literal::Integer)
            .map_err(|_| error(at, "expected a whole number within 64 bits"))?,
    };
    Ok((Token::Literal(literal), length))
}

fn word(rest: &str) -> (Token, usize) {
    let length = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(rest.len());
    let text = rest.get(..length).unwrap_or_default();
    let token = match text {
        "true" => Token::Literal(Literal::Bool(true)),
        "false" => Token::Literal(Literal::Bool(false)),
        _ => Token::Word(text.to_owned()),
    };
    (token, length)
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
}

impl Parser {
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += 1;
        token
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        if found {
            self.next += 1;
        }
        found
    }

    fn any(&mut self, depth: usize) -> Result<Predicate, PredicateError> {
        let first = self.all(depth)?;
        let mut parts = vec![first];
        while self.keyword("or") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Predicate::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Predicate, PredicateError> {
        let first = self.not(depth)?;
        let mut parts = vec![first];
        while self.keyword("and") {
            parts.push(self.not(depth)?);
        }
        Ok(one_or(parts, Predicate::All))
    }

    fn not(&mut self, depth: usize) -> Result<Predicate, PredicateError> {
        if depth > DEPTH_LIMIT {
            return Err(error(self.at(), "nested deeper than 20"));
        }
        if self.keyword("not") {
            return Ok(Predicate::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.peek() == Some(&Token::Open) {
            self.next += 1;
            let inner = self.any(depth + 1)?;
            return match self.take() {
                Some(Token::Close) => Ok(inner),
                _ => Err(self.before("expected `)`")),
            };
        }
        self.test()
    }

    fn test(&mut self) -> Result<Predicate, PredicateError> {
        let field = match self.take() {
            Some(Token::Word(word)) if !KEYWORDS.contains(&word.as_str()) => word,
            _ => return Err(self.before("expected a field, `not` or `(`")),
        };
        match self.take() {
            Some(Token::Operator(operator)) => Ok(Predicate::Compare {
                field,
                operator,
                literal: self.literal()?,
            }),
            Some(Token::Word(word)) if word == "in" => Ok(Predicate::In {
                field,
                literals: self.list()?,
            }),
            Some(Token::Word(word)) if word == "has" => match self.literal()? {
                Literal::Text(text) => Ok(Predicate::Has { field, text }),
                _ => Err(self.before("expected a text after `has`")),
            },
            Some(Token::Word(word)) if word == "is" => {
                let present = self.keyword("present");
                if present || self.keyword("absent") {
                    Ok(Predicate::Present { field, present })
                } else {
                    Err(error(self.at(), "expected `present` or `absent`"))
                }
            }
            _ => Err(self.before("expected =, !=, <, <=, >, >=, `in`, `has` or `is`")),
        }
    }

    fn literal(&mut self) -> Result<Literal, PredicateError> {
        match self.take() {
            Some(Token::Literal(literal)) => Ok(literal),
            _ => Err(self.before("expected a text in quotes, a number, a date, true or false")),
        }
    }

    fn list(&mut self) -> Result<Vec<Literal>, PredicateError> {
        if self.take() != Some(Token::ListOpen) {
            return Err(self.before("expected `[`"));
        }
        let mut literals = vec![self.literal()?];
        loop {
            match self.take() {
                Some(Token::Comma) => literals.push(self.literal()?),
                Some(Token::ListClose) => return Ok(literals),
                _ => return Err(self.before("expected `,` or `]`")),
            }
        }
    }

    /// An error at the token just taken.
    fn before(&self, problem: &str) -> PredicateError {
        let at = self
            .tokens
            .get(self.next.saturating_sub(1))
            .map_or(self.end, |(at, _)| *at);
        error(at, problem)
    }
}

fn one_or(mut parts: Vec<Predicate>, many: fn(Vec<Predicate>) -> Predicate) -> Predicate {
    match (parts.len(), parts.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            parts.extend(last);
            many(parts)
        }
    }
}
