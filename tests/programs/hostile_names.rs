//! An engine that swaps two modules, and gives everything names that a page, a shell or a table could take for its own.

use memtrace_tracer::{self as memtrace, Address, Bytes, Heap, MemoryKind, Module, Tier};

const MARKUP: &str = "</script><script>owned=1</script><img src=x onerror=owned=1>";
const ATTRIBUTE: &str = "\" onmouseover=\"owned=1\" autofocus onfocus=\"owned=1\" x=\"'><b>&lt;";

fn main() {
    let pool = Heap::define(MARKUP, MemoryKind::Device, None).pool(ATTRIBUTE, 0);
    let modules = [MARKUP, ATTRIBUTE].map(|name| Module::define(name, None, Bytes(1 << 20), None));
    let _phase = memtrace::phase!("</script><img src=x onerror=owned=1>");
    for round in 0..4u64 {
        let [incoming, outgoing] =
            if round % 2 == 0 { [modules[0], modules[1]] } else { [modules[1], modules[0]] };
        if round > 0 {
            outgoing.transfer(Tier::Device(0), Tier::Host, Bytes(1 << 20)).begin().end();
            pool.block_free(Address(1 << 20), Bytes(1 << 20));
        }
        incoming.transfer(Tier::Host, Tier::Device(0), Bytes(1 << 20)).begin().end();
        pool.block_alloc(Address(1 << 20), Bytes(1 << 20), Bytes(1 << 20));
        let _forward = incoming.forward();
        memtrace::mark!("<!--<script>\u{202e}\u{1b}]0;x\u{7}");
    }
    pool.block_free(Address(1 << 20), Bytes(1 << 20));
}
