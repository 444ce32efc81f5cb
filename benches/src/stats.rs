//! Medians and percentiles.

/// One figure of one system over all runs.
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// Sums runs up. `None`: there were no runs.
pub(crate) fn summary(mut runs: Vec<f64>) -> Option<Summary> {
    runs.sort_by(f64::total_cmp);
    let (&min, &max) = (runs.first()?, runs.last()?);
    let middle = runs.len() / 2;
    let median = match runs.len() % 2 {
        1 => runs[middle],
        _ => (runs[middle - 1] + runs[middle]) / 2.0,
    };
    Some(Summary { median, min, max })
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The value below which `percent` of all values lie.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent / 100).min(values.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_runs_lies_between_the_middle_two() {
        let summary = summary(vec![4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((summary.min, summary.median, summary.max), (1.0, 2.5, 4.0));
    }

    #[test]
    fn no_runs_have_no_summary() {
        assert!(summary(Vec::new()).is_none());
    }

    #[test]
    fn a_percentile_is_a_value_of_the_set() {
        let mut values: Vec<f64> = (0..100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 99), 99.0);
        assert_eq!(percentile(&mut [7.0], 99), 7.0);
    }
}
