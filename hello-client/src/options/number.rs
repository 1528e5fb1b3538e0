//! Whole numbers as people write them: `500`, `10k`, `1M`, `64Ki`.

use std::ops::RangeInclusive;

/// A larger number is surely a typing error.
const MAX_COUNT: u64 = 1_000_000_000_000;

/// What may follow the digits: powers of 1000 as in the metric system, powers of 1024 as in IEC.
const UNITS: [(&str, u64); 7] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("k", 1_000),
    ("K", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
];

/// Reads how many of something there are: at least one.
pub(super) fn count<T: TryFrom<u64>>() -> impl Fn(&str) -> Result<T, String> + Clone {
    number(1..=MAX_COUNT)
}

/// Reads a number in `range`.
pub(crate) fn number<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
        let (digits, factor) = unit.unwrap_or((text, &1));
        // Rust takes a sign, too.
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("expected a whole number, such as 500, 10k, 1M or 64Ki".to_owned());
        }
        let number = digits.parse().ok().and_then(|digits: u64| digits.checked_mul(*factor));
        let number = number.filter(|number| range.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let (min, max) = (range.start(), range.end());
            format!("{text} is not in {min}..={max}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_in_thousands_or_in_powers_of_two() {
        for (text, expected) in [
            ("0", 0),
            ("007", 7),
            ("1000", 1000),
            ("10k", 10_000),
            ("10K", 10_000),
            ("1M", 1_000_000),
            ("3G", 3_000_000_000),
            ("64Ki", 65_536),
            ("4Mi", 4_194_304),
            ("1Gi", 1 << 30),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(number(0..=u64::MAX)(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_whole_number_is_told_what_is() {
        for text in
            ["", "k", "Ki", "-1", "+1", "1.5k", "1 k", "1ki", "1m", "1kB", "10kk", "x", "１"]
        {
            let error = number::<u64>(0..=u64::MAX)(text).unwrap_err();
            assert_eq!(error, "expected a whole number, such as 500, 10k, 1M or 64Ki", "{text}");
        }
    }

    #[test]
    fn a_number_that_is_too_large_is_told_the_range() {
        for text in ["0", "1000001M", "18446744073709551616", "99999999999999999G"] {
            let error = count::<u64>()(text).unwrap_err();
            assert_eq!(error, format!("{text} is not in 1..=1000000000000"));
        }
        assert!(count::<u32>()("5G").is_err());
        assert_eq!(number::<usize>(1..=10)("1k"), Err("1k is not in 1..=10".to_owned()));
    }
}
