//! A PyTorch memory snapshot, written without Python.

/// A snapshot of two segments, their blocks and a dozen events, with what the pickles of PyTorch are made of.
pub(crate) fn snapshot() -> Vec<u8> {
    let frame = dictionary(&[("filename", text("train.py")), ("line", number(7)), ("name", text("forward"))]);
    let frames = list(&[frame.clone(), frame]);
    let block = |state: &str, address: u64, size| {
        dictionary(&[
            ("address", number(address)),
            ("size", number(size)),
            ("requested_size", number(size - 12)),
            ("state", text(state)),
            ("frames", frames.clone()),
        ])
    };
    let segment = |address: u64, kind: &str| {
        let blocks = [block("active_allocated", address, 1024), block("inactive", address + 1024, 1 << 20)];
        dictionary(&[
            ("device", number(0)),
            ("address", number(address)),
            ("total_size", number((1 << 20) + 1024)),
            ("allocated_size", number(1024)),
            ("active_size", number(1024)),
            ("requested_size", number(1012)),
            ("stream", number(0)),
            ("segment_type", text(kind)),
            ("segment_pool_id", [number(0), number(1), b"\x86".to_vec()].concat()),
            ("is_expandable", b"\x89".to_vec()),
            ("blocks", list(&blocks)),
        ])
    };
    let event = |action: &str, address: u64, size, time| {
        dictionary(&[
            ("action", text(action)),
            ("addr", number(address)),
            ("size", number(size)),
            ("stream", number(0)),
            ("time_us", number(time)),
            ("frames", frames.clone()),
        ])
    };
    const BASE: u64 = 0x7f00_0000_0000;
    let events = [
        event("segment_alloc", BASE, (1 << 20) + 1024, 1),
        event("alloc", BASE, 1012, 2),
        event("alloc", BASE + 1024, 5000, 3),
        event("free_requested", BASE + 1024, 5000, 4),
        event("free_completed", BASE + 1024, 5000, 5),
        event("segment_map", BASE + (1 << 30), 1 << 21, 6),
        event("segment_unmap", BASE + (1 << 30), 1 << 21, 7),
        dictionary(&[
            ("action", text("oom")),
            ("device_free", number(1 << 20)),
            ("size", number(1 << 33)),
            ("stream", number(0)),
            ("time_us", number(8)),
            ("frames", frames.clone()),
        ]),
        event("snapshot", 0, 0, 9),
        event("user_defined", 0, 0, 10),
    ];
    let annotation = dictionary(&[
        ("stage", text("START")),
        ("name", text("step")),
        ("device", number(0)),
        ("time_us", number(2)),
    ]);
    let settings = dictionary(&[("PYTORCH_CUDA_ALLOC_CONF", text("")), ("max_split_size", number(u64::MAX))]);
    let snapshot = dictionary(&[
        ("segments", list(&[segment(BASE, "small"), segment(BASE + (1 << 32), "large")])),
        ("device_traces", list(&[list(&events)])),
        ("allocator_settings", settings),
        ("external_annotations", list(&[annotation])),
    ]);
    [b"\x80\x04".to_vec(), snapshot, b".".to_vec()].concat()
}

/// What opcodes and keys a change may put in.
pub(crate) const WORDS: [&[u8]; 20] = [
    b"}",
    b"]",
    b"(",
    b"u",
    b"e",
    b"a",
    b"s",
    b"\x94",
    b"h\x00",
    b"j\xff\xff\xff\xff",
    b"\x86",
    b"\x88",
    b"N",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"G\x7f\xf0\x00\x00\x00\x00\x00\x00",
    b"X\xff\xff\xff\x7f",
    b"\x95\x01\x00\x00\x00\x00\x00\x00\x00",
    b"frames",
    b"history",
    b"2",
];

fn text(text: &str) -> Vec<u8> {
    [b"\x8c", &[text.len() as u8][..], text.as_bytes(), b"\x94"].concat()
}

fn number(number: u64) -> Vec<u8> {
    match u8::try_from(number) {
        Ok(small) => vec![b'K', small],
        Err(_) => [b"\x8a\x09", &number.to_le_bytes()[..], b"\0"].concat(),
    }
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [b"]\x94(", &items.concat()[..], b"e"].concat()
}

fn dictionary(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let fields: Vec<_> = fields.iter().map(|(key, value)| [text(key), value.clone()].concat()).collect();
    [b"}\x94(", &fields.concat()[..], b"u"].concat()
}
