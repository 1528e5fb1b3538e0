use super::*;
use hello_proto::{Framing, greeting};
use proptest::prelude::*;

fn replies(framing: Framing) -> Replies {
    Replies::new(Arc::new(Tape::new(framing, 2, 4)))
}

fn letters(number: u64) -> [u8; 2] {
    [b'a' + u8::try_from(number % 26).unwrap(); 2]
}

/// All that is heard of these chunks when so many replies are owed.
fn heard<'a>(
    replies: &mut Replies,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    mut owed: u64,
) -> Vec<Heard> {
    let mut all = Vec::new();
    for mut input in chunks {
        while let Some(heard) = replies.next(&mut input, owed) {
            match &heard {
                Heard::Replies(count) => owed -= count,
                Heard::Wrong(_) => owed = owed.saturating_sub(1),
                Heard::Welcome => {}
            }
            all.push(heard);
        }
        assert_eq!(input, b"", "input is used up");
    }
    all
}

fn wrong(said: &str, expected: Option<&str>) -> Heard {
    let expected = expected.map(|expected| expected.as_bytes().to_vec());
    Heard::Wrong(Unexpected::Reply { said: said.as_bytes().to_vec(), expected })
}

#[test]
fn right_replies_are_counted_at_once() {
    let input = b"Welcome!\nHello, aa!\nHello, bb!\nHello, cc!\nHel";
    let heard = heard(&mut replies(Framing::Line), [&input[..]], 9);
    assert_eq!(heard, [Heard::Welcome, Heard::Replies(3)]);
}

#[test]
fn a_wrong_reply_stands_for_one_and_the_next_is_checked_again() {
    let input = b"Welcome!\nHello, aa!\nHello, xx!\nHello, cc!\n";
    let expected = [
        Heard::Welcome,
        Heard::Replies(1),
        wrong("Hello, xx!", Some("Hello, bb!")),
        Heard::Replies(1),
    ];
    assert_eq!(heard(&mut replies(Framing::Line), [&input[..]], 3), expected);
    let bytewise = heard(&mut replies(Framing::Line), input.chunks(1), 3);
    assert_eq!(bytewise, expected);
}

#[test]
fn two_replies_that_change_places_are_both_wrong() {
    let input = b"Welcome!\nHello, bb!\nHello, aa!\n";
    let heard = heard(&mut replies(Framing::Line), [&input[..]], 2);
    assert_eq!(
        heard[1..],
        [wrong("Hello, bb!", Some("Hello, aa!")), wrong("Hello, aa!", Some("Hello, bb!"))]
    );
}

#[test]
fn more_than_was_asked_for_is_wrong() {
    let input = b"Welcome!\nHello, aa!\nHello, bb!\n";
    let heard = heard(&mut replies(Framing::Line), [&input[..]], 1);
    assert_eq!(heard[1..], [Heard::Replies(1), wrong("Hello, bb!", None)]);
}

#[test]
fn an_error_of_the_server_is_told_from_a_wrong_reply_in_every_framing() {
    for framing in Framing::ALL {
        let mut wire = Vec::new();
        framing.encode([WELCOME], &mut wire);
        framing.encode([&b"Error: server is full"[..]], &mut wire);
        let heard = heard(&mut replies(framing), [&wire[..]], 2);
        let error = Heard::Wrong(Unexpected::Error(b"server is full".to_vec()));
        assert_eq!(heard, [Heard::Welcome, error], "{framing}");
    }
}

#[test]
fn a_line_that_ends_in_cr_lf_is_as_right_as_to_say() {
    let input = b"Welcome!\r\nHello, aa!\r\nHello, bb!\n";
    let heard = heard(&mut replies(Framing::Line), [&input[..]], 2);
    assert_eq!(heard, [Heard::Welcome, Heard::Replies(1), Heard::Replies(1)]);
}

#[test]
fn a_reply_without_end_is_told_once_it_is_too_long() {
    let endless = vec![b'x'; 4096];
    let mut replies = replies(Framing::Line);
    let mut input = &endless[..];
    let heard = replies.next(&mut input, 1);
    assert!(matches!(heard, Some(Heard::Wrong(Unexpected::TooLong { .. }))), "{heard:?}");
}

proptest! {
    #[test]
    fn however_the_bytes_arrive_every_reply_is_judged_alike(
        framing in prop_oneof![Just(Framing::Line), Just(Framing::Length)],
        flaws in proptest::collection::vec(proptest::bool::weighted(0.2), 1..80),
        cuts in proptest::collection::vec(1..40usize, 1..40)
    ) {
        let mut wire = Vec::new();
        framing.encode([WELCOME], &mut wire);
        for (number, is_flawed) in (0..).zip(&flaws) {
            let said = if *is_flawed { *b"??" } else { letters(number) };
            framing.encode([&greeting(&said)], &mut wire);
        }
        let mut chunks = Vec::new();
        let (mut rest, mut lengths) = (&wire[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (chunk, behind) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
            chunks.push(chunk);
            rest = behind;
        }
        let mut judged = Vec::new();
        for heard in heard(&mut replies(framing), chunks, flaws.len() as u64) {
            match heard {
                Heard::Replies(count) => judged.extend((0..count).map(|_| false)),
                Heard::Wrong(_) => judged.push(true),
                Heard::Welcome => {}
            }
        }
        prop_assert_eq!(judged, flaws);
    }
}
