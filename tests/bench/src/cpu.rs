//! What a process has used of the processors, from `/proc`.

use crate::NoFigure;

/// Linux counts in hundredths of a second for everybody, whatever the kernel's own tick is.
const TICKS_PER_S: f64 = 100.0;

/// CPU-seconds of a process and all its threads so far, the system's share included.
///
/// # Errors
/// When there is no such process, or the system keeps no such count.
pub fn seconds(pid: u32) -> Result<f64, NoFigure> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path)?;
    // The name stands in brackets and may hold anything; user and system time are the 12th and 13th word after it.
    let words = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: Vec<f64> = words
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|word| word.parse().ok())
        .collect();
    match ticks.as_slice() {
        [user, system] => Ok((user + system) / TICKS_PER_S),
        _ => Err(NoFigure(format!("{path} has another form"))),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_uses_time() {
        let before = super::seconds(std::process::id()).ok();
        let mut sum = 0_u64;
        let until = std::time::Instant::now() + std::time::Duration::from_millis(60);
        while std::time::Instant::now() < until {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(super::seconds(std::process::id()).ok() > before);
    }
}
