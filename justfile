# What a change needs, by short names; `just` lists them. Each line is a command that also runs without just.

_list:
    @{{ just_executable() }} --list --unsorted

# Formatting and lints, without building tests' binaries: the loop while editing
check:
    cargo fmt --all
    cargo clippy --locked --workspace --all-targets -- -D warnings

# All tests, or those of one package: just test memtrace-tui
test package="":
    cargo test --locked {{ if package == "" { "--workspace" } else { "-p " + package } }}

# Look at changed snapshots one by one, and take or leave each (cargo install cargo-insta)
bless package="":
    cargo insta test --review {{ if package == "" { "--workspace" } else { "-p " + package } }}
    UPDATE=1 cargo test --locked -p memtrace-tui --lib keys_document

# What gates a change
ci:
    .ci/run

# What runs before a release, and every week: long fuzzing, Miri, a thousand kills
full:
    .ci/full

# What is given away, into target/packages: the wheel, an archive, a Debian package
wheel:
    .ci/packaging/build

# Installs the command beside Cargo's own, with the library and the Python package
install:
    .ci/packaging/install

# What an event and a replay cost, for a comparison by turns: just bench 10000000
bench events="1000000":
    cargo bench --locked -p memtrace-tracer --bench event_cost
    cargo bench --locked -p memtrace-analysis --bench replay -- {{ events }}

# Dependencies: unused ones, licences, sources, and advisories where their database can be had
deny:
    .ci/dependencies
