use proptest::prelude::*;

use super::*;

const KEYS: &[&str] = &["a", "b"];

fn read(bytes: &[u8]) -> Result<Pickle, PickleError> {
    Pickle::read(bytes, bytes.len() as u64, KEYS, |_| ())
}

/// A value in Python's words, so that what was read can be compared.
fn repr(arena: &Arena, value: Value) -> String {
    let items = |id| arena.items(id).map(|item| repr(arena, item)).collect::<Vec<_>>().join(", ");
    match arena.view(value) {
        View::None => "None".to_owned(),
        View::Bool(true) => "True".to_owned(),
        View::Bool(false) => "False".to_owned(),
        View::Integer(number) => number.to_string(),
        View::Large(number) => number.to_string(),
        View::Float(number) => format!("{number:?}"),
        View::String(id) => format!("'{}'", String::from_utf8_lossy(arena.string(id))),
        View::List(id) => format!("[{}]", items(id)),
        View::Tuple(id) => format!("({})", items(id)),
        View::Dict(id) => {
            let entry = |(key, value)| format!("{}: {}", repr(arena, key), repr(arena, value));
            format!("{{{}}}", arena.entries(id).map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

fn read_repr(bytes: &[u8]) -> String {
    let pickle = read(bytes).unwrap();
    repr(&pickle.arena, pickle.root)
}

#[test]
fn numbers_are_what_they_were() {
    for (bytes, number) in [
        (&b"K\xff."[..], "255"),
        (b"M\xff\xff.", "65535"),
        (b"J\xff\xff\xff\xff.", "-1"),
        (b"\x8a\x00.", "0"),
        (b"\x8a\x01\x80.", "-128"),
        (b"\x8a\x06\x00\x00\x00\x00\x00\x7f.", "139637976727552"),
        (b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.", "9223372036854775807"),
        (b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", "-9223372036854775808"),
        (b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.", "9223372036854775808"),
        (b"\x8b\x02\x00\x00\x00\x00\x01.", "256"),
        (b"G\x3f\xe0\x00\x00\x00\x00\x00\x00.", "0.5"),
    ] {
        assert_eq!(read_repr(bytes), number);
    }
}

#[test]
fn a_memo_shares_and_a_list_grows_after_it_was_shared() {
    // a = []; [a, a] and then a.append(7).
    assert_eq!(read_repr(b"\x80\x02](]q\x01h\x01e0](h\x01K\x07ah\x01e."), "[[7], [7]]");
    assert_eq!(
        read_repr(b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02\x85\x94h\x01e."),
        "[1, (2), (2)]"
    );
}

#[test]
fn dicts_of_one_shape_and_of_many_parts() {
    assert_eq!(
        read_repr(b"](}(X\x01\x00\x00\x00aK\x01u}(X\x01\x00\x00\x00aK\x02ue."),
        "[{'a': 1}, {'a': 2}]"
    );
    // Set in two parts; the later value of a key counts.
    let pickle =
        read(b"}(X\x01\x00\x00\x00aK\x01u(X\x01\x00\x00\x00bK\x02X\x01\x00\x00\x00aK\x03u.").unwrap();
    let View::Dict(dict) = pickle.arena.view(pickle.root) else { panic!("it is a dict") };
    let get = |key| pickle.arena.get(dict, Key(key)).map(|value| repr(&pickle.arena, value));
    assert_eq!((get(0), get(1)), (Some("3".to_owned()), Some("2".to_owned())));
}

#[test]
fn nothing_is_run() {
    for opcode in [b'c', b'R', b'b', b'i', b'o', b'P', b'Q', 0x81, 0x82, 0x83, 0x84, 0x92, 0x93] {
        let error = read(&[0x80, 2, b'}', b'}', opcode, b'.']).unwrap_err();
        assert_eq!(error.offset, 4);
        assert!(matches!(error.fault, PickleFault::RunsCode(Opcode(found)) if found == opcode));
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let cases: [(&[u8], u64, &str); 12] = [
        (b"\x80\x06.", 0, "protocol 6"),
        (b"\x80\x02I1\n.", 2, "byte 0x49"),
        (b"\x80\x02h\x05.", 2, "no entry 5"),
        (b"\x80\x02]r\xff\xff\xff\xff.", 3, "no entry 4294967295"),
        (b"\x80\x02(K\x01e.", 5, "more from the stack"),
        (b"\x80\x02K\x01(K\x01e.", 7, "needs a list"),
        (b"\x80\x02}(K\x01u.", 6, "a value for every key"),
        (b"\x80\x02X\xff\xff\xff\x7f.", 2, "2147483647 bytes, and 1 are left"),
        (b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", 2, "and 1 are left"),
        (b"\x80\x02\x8a\x0a0123456789.", 2, "more than 64 bits"),
        (b"\x80\x02\x8a\x0912345678\x01.", 2, "more than 64 bits"),
        (b"\x80\x02]].", 4, "2 values"),
    ];
    for (bytes, offset, message) in cases {
        let error = read(bytes).unwrap_err();
        assert_eq!(error.offset, offset, "{error}");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn a_pickle_that_asks_for_much_memory_is_refused() {
    for unit in [&b"]"[..], b"}", b"N", b"(", b"]\x94", b")"] {
        let mut bytes = vec![0x80, 2, b']'];
        while bytes.len() < 12 << 20 {
            bytes.extend_from_slice(unit);
        }
        let error = read(&bytes).unwrap_err();
        assert!(matches!(error.fault, PickleFault::Budget(_) | PickleFault::Truncated), "{unit:?}: {error}");
    }
    let mut dict = vec![0x80, 2, b'}'];
    for number in 0..300u16 {
        dict.push(b'M');
        dict.extend_from_slice(&number.to_le_bytes());
        dict.extend_from_slice(b"Ns");
    }
    assert!(matches!(read(&dict).unwrap_err().fault, PickleFault::Dict));
}

proptest! {
    /// Random opcodes, mostly of those that exist.
    #[test]
    fn no_program_breaks_the_machine(
        program in prop::collection::vec(
            prop_oneof![
                4 => prop::sample::select(&b"}](tuesa0)hqKMNXU2\x8a\x94\x85\x86\x87\x88\x95."[..]),
                1 => any::<u8>(),
            ],
            0..200,
        ),
    ) {
        if let Ok(pickle) = read(&program) {
            // A list may hold itself, so only its surface is looked at.
            match pickle.arena.view(pickle.root) {
                View::List(id) | View::Tuple(id) => prop_assert_eq!(pickle.arena.items(id).count(), pickle.arena.count(id) as usize),
                View::Dict(id) => _ = pickle.arena.entries(id).count(),
                _ => {}
            }
        }
    }
}
