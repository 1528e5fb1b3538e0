use super::*;
use proptest::prelude::*;

const LIMIT: usize = 8;

/// All messages of `chunks`, then of the end of the stream, up to the first that is too long.
fn decode_all(framing: Framing, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Option<DecodeError>) {
    let mut decoder = Decoder::new(framing, LIMIT);
    let mut messages = Vec::new();
    for mut input in chunks.iter().copied() {
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(input.is_empty(), "decode consumes its input");
        assert!(decoder.partial.len() <= LIMIT + HEADER, "what is kept is bounded");
    }
    match decoder.finish() {
        Ok(last) => messages.extend(last.map(<[u8]>::to_vec)),
        Err(error) => return (messages, Some(error)),
    }
    (messages, None)
}

fn messages(framing: Framing, chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let (messages, error) = decode_all(framing, chunks);
    assert_eq!(error, None);
    messages
}

/// Cuts `bytes` at each of `cuts`, taken modulo its length.
fn split<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

#[test]
fn a_line_ends_in_lf_and_one_cr_before_it_is_dropped() {
    assert_eq!(
        messages(Framing::Line, &[b"a\nb\r\n\n\r\n\r\r\nc\rd\n"]),
        [&b"a"[..], b"b", b"", b"", b"\r", b"c\rd"]
    );
}

#[test]
fn a_last_line_without_lf_is_a_message_and_its_cr_is_data() {
    assert_eq!(messages(Framing::Line, &[b"a\nb"]), [b"a", b"b"]);
    assert_eq!(messages(Framing::Line, &[b"a\r"]), [b"a\r"]);
    assert_eq!(messages(Framing::Line, &[b"a\n"]), [b"a"]);
}

#[test]
fn a_last_line_is_returned_once() {
    let mut decoder = Decoder::new(Framing::Line, LIMIT);
    assert_eq!(decoder.decode(&mut &b"ab"[..]), Ok(None));
    assert_eq!(decoder.finish(), Ok(Some(&b"ab"[..])));
    assert!(!decoder.is_inside_message());
    assert_eq!(decoder.finish(), Ok(None));
}

#[test]
fn a_line_at_the_limit_is_a_message_and_one_byte_over_it_is_refused() {
    let too_long = Some(DecodeError::TooLong { limit: LIMIT });
    for ending in ["\n", "\r\n", ""] {
        let at = format!("12345678{ending}");
        assert_eq!(decode_all(Framing::Line, &[at.as_bytes()]), (vec![b"12345678".to_vec()], None));
        let over = format!("123456789{ending}");
        assert_eq!(decode_all(Framing::Line, &[over.as_bytes()]), (vec![], too_long));
    }
    assert_eq!(decode_all(Framing::Line, &[b"12345678\r"]), (vec![], too_long));
}

#[test]
fn a_line_is_refused_before_its_end_is_seen() {
    let mut decoder = Decoder::new(Framing::Line, LIMIT);
    assert_eq!(decoder.decode(&mut &b"12345678\r"[..]), Ok(None));
    assert_eq!(decoder.decode(&mut &b"x"[..]), Err(DecodeError::TooLong { limit: LIMIT }));
}

#[test]
fn a_length_is_big_endian_and_any_byte_may_be_in_a_message() {
    assert_eq!(
        messages(Framing::Length, &[b"\0\0\0\x02\n\xff\0\0\0\0\0\0\0\x01x"]),
        [&b"\n\xff"[..], b"", b"x"]
    );
}

#[test]
fn a_part_of_a_frame_at_the_end_is_no_message() {
    assert_eq!(messages(Framing::Length, &[b"\0\0\0\x02ab\0\0\0\x02c"]), [b"ab"]);
    assert_eq!(messages(Framing::Length, &[b"\0\0"]), [b""; 0]);
}

#[test]
fn a_frame_over_the_limit_is_refused_from_its_header() {
    let too_long = Some(DecodeError::TooLong { limit: LIMIT });
    assert_eq!(decode_all(Framing::Length, &[b"\0\0\0\x09"]), (vec![], too_long));
    assert_eq!(decode_all(Framing::Length, &[b"\xff\xff", b"\xff\xff"]), (vec![], too_long));
    assert_eq!(
        decode_all(Framing::Length, &[b"\0\0\0\x0812345678"]),
        (vec![b"12345678".to_vec()], None)
    );
}

#[test]
fn raw_takes_each_chunk_for_a_message_up_to_the_limit() {
    assert_eq!(
        messages(Framing::Raw, &[b"a\nb", b"", b"1234567890"]),
        [&b"a\nb"[..], b"12345678", b"90"]
    );
}

#[test]
fn nothing_is_kept_once_a_message_is_complete() {
    for (framing, first, second) in
        [(Framing::Line, &b"ab"[..], &b"c\n"[..]), (Framing::Length, b"\0\0\0\x03ab", b"c")]
    {
        let mut decoder = Decoder::new(framing, LIMIT);
        assert_eq!(decoder.decode(&mut &first[..]), Ok(None));
        assert!(decoder.is_inside_message());
        let mut input = second;
        assert_eq!(decoder.decode(&mut input), Ok(Some(&b"abc"[..])));
        assert_eq!(decoder.decode(&mut input), Ok(None));
        assert_eq!(decoder.partial.capacity(), 0);
    }
}

#[test]
fn a_framing_says_which_messages_it_cannot_carry() {
    assert_eq!(Framing::Line.check(b"a\nb", 8), Err(MessageError::LineFeed));
    assert_eq!(Framing::Line.check(b"a\r", 8), Err(MessageError::TrailingCarriageReturn));
    assert_eq!(Framing::Raw.check(b"", 8), Err(MessageError::Empty));
    assert_eq!(Framing::Length.check(b"a\n\r", 8), Ok(()));
    for framing in Framing::ALL {
        assert_eq!(framing.check(b"exit", 8), Err(MessageError::Exit));
        assert_eq!(framing.check(b"12345678", 8), Ok(()));
        let too_long = MessageError::TooLong { length: 9, limit: 8 };
        assert_eq!(framing.check(b"123456789", 8), Err(too_long));
    }
}

#[test]
fn only_raw_framing_cannot_carry_two_messages_at_once() {
    assert_eq!(Framing::ALL.map(Framing::is_delimited), [true, true, false]);
}

#[test]
fn a_framing_is_displayed_as_it_is_parsed() {
    for framing in Framing::ALL {
        assert_eq!(framing.to_string().parse(), Ok(framing));
    }
    let unknown = "Line".parse::<Framing>().unwrap_err();
    assert_eq!(unknown.to_string(), "unknown framing, expected one of line, length, raw");
}

/// Every framing in which the pieces that a stream arrives in make no difference.
pub(crate) fn delimited() -> impl Strategy<Value = Framing> {
    let framings: Vec<_> = Framing::ALL.into_iter().filter(|f| f.is_delimited()).collect();
    proptest::sample::select(framings)
}

/// Bytes in which the bytes that mean something to a framing are frequent.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(LF), Just(CR), 0..12u8, any::<u8>()];
    proptest::collection::vec(byte, 0..80)
}

proptest! {
    #[test]
    fn any_split_of_the_input_gives_the_same_messages_and_the_same_end(
        framing in delimited(), bytes in stream(), cuts: Vec<usize>
    ) {
        let whole = decode_all(framing, &[&bytes]);
        prop_assert_eq!(&whole, &decode_all(framing, &split(&bytes, &cuts)));
        let each: Vec<_> = bytes.chunks(1).collect();
        prop_assert_eq!(&whole, &decode_all(framing, &each));
    }

    #[test]
    fn what_was_encoded_is_decoded_to_the_same(
        framing in delimited(),
        sent in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..=LIMIT), 0..9),
        cuts: Vec<usize>
    ) {
        let sent: Vec<_> =
            sent.into_iter().filter(|message| framing.check(message, LIMIT).is_ok()).collect();
        let mut bytes = Vec::new();
        for message in &sent {
                framing.encode(message, &mut bytes);
        }
        prop_assert_eq!(messages(framing, &split(&bytes, &cuts)), sent);
    }

    #[test]
    fn raw_loses_no_byte(bytes in stream(), cuts: Vec<usize>) {
        prop_assert_eq!(messages(Framing::Raw, &split(&bytes, &cuts)).concat(), bytes);
    }
}
