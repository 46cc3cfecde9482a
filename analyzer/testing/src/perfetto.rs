//! Reads a trace for Perfetto by the little that protobuf is, without any message of an exporter's.

use std::collections::BTreeMap;

/// A field's value: a number, or bytes with a length.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

/// The fields of a message by their numbers.
type Message = BTreeMap<u64, Vec<Value>>;

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for place in 0.. {
        let (first, rest) = bytes.split_first().expect("a whole number");
        *bytes = rest;
        number |= u64::from(first & 0x7f) << (7 * place);
        if first & 0x80 == 0 {
            break;
        }
    }
    number
}

fn decode(mut bytes: &[u8]) -> Message {
    let mut message = Message::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_first_chunk().expect("eight bytes");
                bytes = rest;
                Value::Number(u64::from_le_bytes(*number))
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Value::Bytes(value.to_vec())
            }
            other => panic!("wire type {other}"),
        };
        message.entry(tag >> 3).or_default().push(value);
    }
    message
}

fn number(message: &Message, field: u64) -> Option<u64> {
    match message.get(&field)?.first()? {
        Value::Number(number) => Some(*number),
        Value::Bytes(_) => panic!("field {field} is no number"),
    }
}

fn text(message: &Message, field: u64) -> Option<String> {
    match message.get(&field)?.first()? {
        Value::Bytes(bytes) => Some(String::from_utf8(bytes.clone()).expect("UTF-8")),
        Value::Number(_) => panic!("field {field} is no text"),
    }
}

fn inner(message: &Message, field: u64) -> Option<Message> {
    match message.get(&field)?.first()? {
        Value::Bytes(bytes) => Some(decode(bytes)),
        Value::Number(_) => panic!("field {field} is no message"),
    }
}

/// Every event as `time track what`, tracks by their path.
pub fn lines(trace: &[u8]) -> Vec<String> {
    let mut tracks = BTreeMap::new();
    let mut lines = Vec::new();
    for packet in &decode(trace)[&1] {
        let Value::Bytes(packet) = packet else { panic!("a packet is a message") };
        let packet = decode(packet);
        assert_eq!(number(&packet, 10), Some(1), "the sequence");
        if let Some(track) = inner(&packet, 60) {
            let own = inner(&track, 3).and_then(|process| text(&process, 6));
            let own = own.or_else(|| inner(&track, 4).and_then(|thread| text(&thread, 5)));
            let own = own.or_else(|| text(&track, 2)).unwrap_or_default();
            let path = match number(&track, 5) {
                Some(parent) => format!("{}/{own}", tracks[&parent]),
                None => own,
            };
            assert_eq!(tracks.insert(number(&track, 1).expect("a number"), path), None);
        }
        if let Some(event) = inner(&packet, 11) {
            let track = &tracks[&number(&event, 11).expect("a track")];
            let name = text(&event, 23).unwrap_or_default();
            let flows = |field| event.get(&field).map_or(0, Vec::len);
            let what = match number(&event, 9) {
                Some(1) => format!("begin {name}"),
                Some(2) => format!("end, flows {} from and {} to", flows(47), flows(48)),
                Some(3) => format!("instant {name}"),
                Some(4) => match number(&event, 30) {
                    Some(value) => format!("= {value}"),
                    None => format!("= {}", f64::from_bits(number(&event, 44).expect("a value"))),
                },
                other => panic!("an event of type {other:?}"),
            };
            lines.push(format!("{} {track}: {what}", number(&packet, 8).unwrap_or_default()));
        }
    }
    lines
}
