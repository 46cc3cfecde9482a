//! Records by column: what is alike lies together, and times are differences.
//!
//! Any bytes come back as they were: what a record means is not asked, only whether its TIME is a time.

use memtrace_format::{Kind, Record, Word};

use crate::source::packed::BODY;

const RECORDS: usize = BODY / Record::BYTES;

/// Where the columns of eight bytes lie in a record: its word, its value and its size.
const WORD: usize = Record::WORD_OFFSET;
const VALUE: usize = 8;
const SIZE: usize = 16;

/// Appends the records of chunks of one thread to `out`.
pub(crate) fn split(bodies: &[&[u8; BODY]], out: &mut Vec<u8>) {
    let used: Vec<usize> = bodies.iter().map(|body| used(records(body))).collect();
    let all = || bodies.iter().zip(&used).flat_map(|(body, &used)| &records(body)[..used]);
    for &used in &used {
        out.extend((used as u16).to_le_bytes());
    }
    for column in [WORD, VALUE, SIZE] {
        all().for_each(|record| out.extend_from_slice(&record[column..column + 8]));
    }
    let (mut steps, mut others) = (Vec::with_capacity(RECORDS * bodies.len()), Vec::new());
    let mut first = None;
    let mut last = 0;
    for record in all() {
        let time = number(record, 0);
        if has_time(number(record, WORD)) {
            last = if first.is_none() { time } else { last };
            first = first.or(Some(time));
            steps.push(zigzag(time.wrapping_sub(last)));
            last = time;
        } else {
            others.extend(time.to_le_bytes());
        }
    }
    let widest = steps.iter().fold(0, |bits, step| bits | step);
    let width = (u64::BITS - widest.leading_zeros()).div_ceil(8);
    out.extend(first.unwrap_or(0).to_le_bytes());
    out.push(width as u8);
    for plane in 0..width {
        out.extend(steps.iter().map(|step| (step >> (8 * plane)) as u8));
    }
    out.append(&mut others);
}

/// Puts the records that [`split`] took apart into `bodies`, which are all zero. `None`: this is not what it wrote.
pub(crate) fn join(columns: &[u8], bodies: &mut [[u8; BODY]]) -> Option<()> {
    let (used, rest) = columns.split_at_checked(bodies.len() * 2)?;
    let used: Vec<usize> = used.as_chunks().0.iter().map(|&used| u16::from_le_bytes(used).into()).collect();
    let count: usize = used.iter().sum();
    let (words, rest) = rest.split_at_checked(count * 8)?;
    let (values, rest) = rest.split_at_checked(count * 8)?;
    let (sizes, rest) = rest.split_at_checked(count * 8)?;
    let ((words, _), (values, _), (sizes, _)) =
        (words.as_chunks::<8>(), values.as_chunks::<8>(), sizes.as_chunks::<8>());
    let times = words.iter().filter(|word| has_time(u64::from_le_bytes(**word))).count();
    let (first, rest) = rest.split_first_chunk()?;
    let (&width, rest) = rest.split_first()?;
    let (planes, others) = rest.split_at_checked(usize::from(width).checked_mul(times)?)?;
    let (others, []) = others.as_chunks::<8>() else { return None };
    if width > 8 || others.len() != count - times || used.iter().any(|&used| used > RECORDS) {
        return None;
    }
    let mut steps = vec![0_u64; times];
    for (plane, bytes) in planes.chunks_exact(times.max(1)).enumerate() {
        for (step, &byte) in steps.iter_mut().zip(bytes) {
            *step |= u64::from(byte) << (8 * plane);
        }
    }
    let (mut steps, mut others) = (steps.into_iter(), others.iter());
    let mut last = u64::from_le_bytes(*first);
    let mut rows = words.iter().zip(values).zip(sizes);
    for (body, used) in bodies.iter_mut().zip(used) {
        for (record, ((word, value), size)) in
            body.as_chunks_mut::<{ Record::BYTES }>().0[..used].iter_mut().zip(&mut rows)
        {
            let time = if has_time(u64::from_le_bytes(*word)) {
                last = last.wrapping_add(unzigzag(steps.next()?));
                last.to_le_bytes()
            } else {
                *others.next()?
            };
            record[..8].copy_from_slice(&time);
            record[VALUE..SIZE].copy_from_slice(value);
            record[SIZE..WORD].copy_from_slice(size);
            record[WORD..].copy_from_slice(word);
        }
    }
    Some(())
}

fn records(body: &[u8; BODY]) -> &[[u8; Record::BYTES]] {
    body.as_chunks().0
}

/// How many records there are before nothing but zeros follows.
fn used(records: &[[u8; Record::BYTES]]) -> usize {
    records.iter().rposition(|record| *record != [0; Record::BYTES]).map_or(0, |last| last + 1)
}

fn number(record: &[u8; Record::BYTES], at: usize) -> u64 {
    u64::from_le_bytes(*record[at..].first_chunk().expect("a record holds four numbers"))
}

/// Extensions keep something else where other records have their time.
fn has_time(word: u64) -> bool {
    Word::from_bits(word).kind_number() != Kind::Extension as u8
}

/// Small numbers for small steps, in either direction.
fn zigzag(step: u64) -> u64 {
    (step << 1) ^ ((step as i64 >> 63) as u64)
}

fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(bodies: &[[u8; BODY]]) -> Vec<[u8; BODY]> {
        let mut columns = Vec::new();
        split(&bodies.iter().collect::<Vec<_>>(), &mut columns);
        let mut back = vec![[0; BODY]; bodies.len()];
        join(&columns, &mut back).expect("it was split");
        back
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_bytes_come_back(
            pieces in prop::collection::vec((0..BODY - 64, prop::collection::vec(any::<u8>(), 1..64)), 0..40),
            chunks in 1_usize..4,
        ) {
            let mut bodies = vec![[0; BODY]; chunks];
            for (number, (at, bytes)) in pieces.iter().enumerate() {
                bodies[number % chunks][*at..at + bytes.len()].copy_from_slice(bytes);
            }
            prop_assert!(there_and_back(&bodies) == bodies);
        }

        #[test]
        fn what_is_not_columns_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut bodies = vec![[0; BODY]; 2];
            let _ = join(&bytes, &mut bodies);
            let mut columns = Vec::new();
            split(&[&bodies[0], &bodies[1]], &mut columns);
            prop_assert!(join(&columns[..columns.len() - 1], &mut bodies).is_none());
        }
    }

    #[test]
    fn every_step_in_time_has_its_number() {
        for step in [0, 1, u64::MAX, i64::MAX as u64, i64::MIN as u64] {
            assert_eq!(unzigzag(zigzag(step)), step);
        }
        assert_eq!((zigzag(1), zigzag(u64::MAX)), (2, 1));
    }
}
