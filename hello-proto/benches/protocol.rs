//! What a message costs without IO: `cargo bench -p hello-proto`.
//!
//! Each figure is for a batch of 64 messages of the size named, whole as one read would return
//! them, or in pieces of 100 bytes.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use hello_proto::{
    ClientSession, DatagramBuffer, Decoder, Framing, ServerSession, WELCOME, greeting,
};

const SIZES: [usize; 3] = [16, 256, 1024];
const BATCH: usize = 64;
const PIECE: usize = 100;

fn main() {
    divan::main();
}

fn batch(framing: Framing, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..BATCH {
        framing.encode(&vec![b'm'; size], &mut bytes);
    }
    bytes
}

fn decode(bencher: Bencher<'_, '_>, framing: Framing, size: usize, piece: usize) {
    let bytes = batch(framing, size);
    let mut decoder = Decoder::new(framing, 1024);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for mut chunk in black_box(&bytes).chunks(piece) {
            while let Ok(Some(message)) = decoder.decode(&mut chunk) {
                black_box(message);
            }
        }
    });
}

#[divan::bench(args = SIZES)]
fn decode_lines_whole(bencher: Bencher<'_, '_>, size: usize) {
    decode(bencher, Framing::Line, size, usize::MAX);
}

#[divan::bench(args = SIZES)]
fn decode_lines_in_pieces(bencher: Bencher<'_, '_>, size: usize) {
    decode(bencher, Framing::Line, size, PIECE);
}

#[divan::bench(args = SIZES)]
fn decode_lengths_whole(bencher: Bencher<'_, '_>, size: usize) {
    decode(bencher, Framing::Length, size, usize::MAX);
}

#[divan::bench(args = SIZES)]
fn decode_lengths_in_pieces(bencher: Bencher<'_, '_>, size: usize) {
    decode(bencher, Framing::Length, size, PIECE);
}

/// Decoding, the exit rule and the greetings: all that a worker does between two system calls.
#[divan::bench(args = SIZES)]
fn answer_lines_whole(bencher: Bencher<'_, '_>, size: usize) {
    answer(bencher, size, usize::MAX);
}

#[divan::bench(args = SIZES)]
fn answer_lines_in_pieces(bencher: Bencher<'_, '_>, size: usize) {
    answer(bencher, size, PIECE);
}

fn answer(bencher: Bencher<'_, '_>, size: usize, piece: usize) {
    let bytes = batch(Framing::Line, size);
    let mut session = ServerSession::new(Framing::Line, 1024);
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for mut chunk in black_box(&bytes).chunks(piece) {
            while !chunk.is_empty() {
                out.clear();
                black_box(session.receive(&mut chunk, &mut out));
            }
        }
    });
}

/// Sending a message and checking its reply: all that a client does between two system calls.
#[divan::bench(args = SIZES)]
fn check_replies(bencher: Bencher<'_, '_>, size: usize) {
    let message = vec![b'm'; size];
    let (mut out, mut replies) = (Vec::new(), Vec::new());
    Framing::Line.encode(WELCOME, &mut replies);
    let mut session = ClientSession::new(Framing::Line, 1024);
    assert_eq!(session.receive(&mut &*replies), Ok(1));
    replies.clear();
    for _ in 0..BATCH {
        Framing::Line.encode(&greeting(&message), &mut replies);
    }
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        out.clear();
        for _ in 0..BATCH {
            session.send(black_box(&message), &mut out).expect("it can be sent");
        }
        assert_eq!(session.receive(&mut black_box(&*replies)), Ok(BATCH));
    });
}

#[divan::bench(args = SIZES)]
fn greet_datagrams(bencher: Bencher<'_, '_>, size: usize) {
    let mut datagram = DatagramBuffer::new(Framing::Line, 1024);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            black_box(datagram.greeting(black_box(size)));
        }
    });
}
