//! Quantiles of measured times.

/// The smallest value that is not below this share of the values. `sorted` must be in ascending order. The
/// result is `None` if there is no value.
pub fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<u32> = (1..=200).collect();
        let at = |share| quantile(&values, share);
        assert_eq!([at(0.0), at(0.5), at(0.99), at(1.0)], [Some(1), Some(100), Some(198), Some(200)]);
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }
}
