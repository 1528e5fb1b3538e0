//! Our framing `length` against a stranger's implementation of the same.

use bytes::{Bytes, BytesMut};
use hello_proto::{Decoder, Framing};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio_util::codec::{Decoder as _, Encoder as _, LengthDelimitedCodec};

const LIMIT: usize = 32;

fn stranger() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(LIMIT).new_codec()
}

/// What each of the two makes of `chunks`: the messages, and whether the stream was refused.
fn ours(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
    let mut decoder = Decoder::new(Framing::Length, LIMIT);
    let mut messages = Vec::new();
    for mut input in chunks.iter().copied() {
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

fn theirs(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
    let (mut codec, mut buffer) = (stranger(), BytesMut::new());
    let mut messages = Vec::new();
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

proptest! {
    #[test]
    fn a_strangers_codec_reads_what_we_write_and_writes_the_same(
        sent in vec(vec(any::<u8>(), 0..=LIMIT), 0..9), size in 1usize..50,
    ) {
        let (mut written, mut by_stranger) = (Vec::new(), BytesMut::new());
        for message in &sent {
            Framing::Length.encode(message, &mut written);
            let message = Bytes::copy_from_slice(message);
            stranger().encode(message, &mut by_stranger).expect("it is within the limit");
        }
        prop_assert_eq!(&written, &by_stranger.to_vec());
        let chunks: Vec<_> = written.chunks(size).collect();
        prop_assert_eq!(theirs(&chunks), (sent.clone(), false));
        prop_assert_eq!(ours(&chunks), (sent, false));
    }

    #[test]
    fn a_strangers_codec_makes_the_same_of_any_bytes(
        frames in vec((0u32..40, vec(any::<u8>(), 0..40)), 0..6), size in 1usize..50,
    ) {
        let frame = |(length, body): &(u32, Vec<u8>)| [&length.to_be_bytes()[..], body].concat();
        let stream: Vec<u8> = frames.iter().flat_map(frame).collect();
        let chunks: Vec<_> = stream.chunks(size).collect();
        prop_assert_eq!(ours(&chunks), theirs(&chunks));
    }
}
