//! Layout of a thread's frames in CPython, by version. `layout.c` beside this file prints an entry of the table from a
//! version's headers.

use std::ops::ControlFlow;

use crate::preload::stacks::reading::read;

/// Offsets into CPython's structures, in bytes.
pub(super) struct Layout {
    /// The second number of the version.
    pub(super) minor: i32,
    /// In a thread's state: where its innermost frame is; or where a structure is that says so.
    innermost: usize,
    /// In that structure.
    through: Option<usize>,
    /// In a frame: the frame that called it.
    back: usize,
    /// In a frame: what it runs.
    code: usize,
    place: Place,
    /// In a code object: its file, its name, its first line, and which instruction is of which line.
    file: usize,
    function: usize,
    first_line: usize,
    lines: usize,
}

/// How a frame tells where in its code it is.
enum Place {
    /// By a number of units of so many bytes.
    Number { at: usize, unit: i32 },
    /// By the address of an instruction. `owner` says of whose making the frame is; a code object has its instructions at `code`,
    /// and behind the first so many of them, at `traceable`, a call has begun.
    Pointer { at: usize, owner: usize, code: usize, traceable: usize },
}

const LAYOUTS: [Layout; 6] = [
    Layout {
        minor: 8,
        innermost: 24,
        through: None,
        back: 24,
        code: 32,
        place: Place::Number { at: 104, unit: 1 },
        file: 104,
        function: 112,
        first_line: 40,
        lines: 120,
    },
    Layout {
        minor: 9,
        innermost: 24,
        through: None,
        back: 24,
        code: 32,
        place: Place::Number { at: 104, unit: 1 },
        file: 104,
        function: 112,
        first_line: 40,
        lines: 120,
    },
    Layout {
        minor: 10,
        innermost: 24,
        through: None,
        back: 24,
        code: 32,
        place: Place::Number { at: 96, unit: 2 },
        file: 104,
        function: 112,
        first_line: 40,
        lines: 120,
    },
    Layout {
        minor: 11,
        innermost: 56,
        through: Some(8),
        back: 48,
        code: 32,
        place: Place::Pointer { at: 56, owner: 69, code: 184, traceable: 168 },
        file: 112,
        function: 120,
        first_line: 72,
        lines: 136,
    },
    Layout {
        minor: 12,
        innermost: 56,
        through: Some(0),
        back: 8,
        code: 0,
        place: Place::Pointer { at: 56, owner: 70, code: 192, traceable: 176 },
        file: 112,
        function: 120,
        first_line: 68,
        lines: 136,
    },
    Layout {
        minor: 13,
        innermost: 72,
        through: None,
        back: 8,
        code: 0,
        place: Place::Pointer { at: 56, owner: 70, code: 200, traceable: 184 },
        file: 112,
        function: 120,
        first_line: 68,
        lines: 136,
    },
];

/// A call that is under way: of which code object, and how many bytes into its instructions.
#[derive(Clone, Copy, Default)]
pub(super) struct Call {
    pub(super) code: usize,
    pub(super) offset: i32,
}

/// What a code object says: the addresses of three objects, and a number.
#[derive(Clone, Copy, Default)]
pub(super) struct Code {
    pub(super) file: usize,
    pub(super) function: usize,
    pub(super) lines: usize,
    pub(super) first_line: i32,
}

impl Layout {
    pub(super) fn of(minor: i32) -> Option<&'static Self> {
        LAYOUTS.iter().find(|layout| layout.minor == minor)
    }

    /// Hands the calls that a thread is in to `look`, the innermost first, until it has enough. `None`: what is read there with
    /// care leads nowhere.
    #[inline(always)]
    pub(super) fn each<const WITH_CARE: bool>(
        &self,
        state: usize,
        mut look: impl FnMut(Call) -> ControlFlow<()>,
    ) -> Option<()> {
        /// Far more than Python lets a program have, unless it is told otherwise.
        const MOST: usize = 1 << 16;
        let word = read::<usize, WITH_CARE>;
        let mut frame = word(state + self.innermost)?;
        if let Some(through) = self.through {
            frame = word(frame.wrapping_add(through))?;
        }
        for _ in 0..MOST {
            if frame == 0 {
                return Some(());
            }
            if let Some(call) = self.call::<WITH_CARE>(frame)?
                && look(call).is_break()
            {
                return Some(());
            }
            frame = word(frame.wrapping_add(self.back))?;
        }
        None
    }

    /// The call of a frame; none, where it is one of the interpreter's own, or has not begun.
    #[inline(always)]
    fn call<const WITH_CARE: bool>(&self, frame: usize) -> Option<Option<Call>> {
        /// Values of `enum _frameowner`.
        const GENERATOR: u8 = 1;
        const INTERPRETER: u8 = 3;
        const INSTRUCTION: i32 = 2;
        let of_frame = |offset| frame.wrapping_add(offset);
        let code = read::<usize, WITH_CARE>(of_frame(self.code))?;
        match self.place {
            Place::Number { at, unit } => {
                let number = read::<i32, WITH_CARE>(of_frame(at))?;
                Some(Some(Call { code, offset: number.wrapping_mul(unit) }))
            }
            Place::Pointer { at, owner, code: instructions, traceable } => {
                let owner = read::<u8, WITH_CARE>(of_frame(owner))?;
                if owner == INTERPRETER {
                    return Some(None);
                }
                let instruction = read::<usize, WITH_CARE>(of_frame(at))?;
                let offset = instruction.wrapping_sub(code.wrapping_add(instructions)) as i32;
                let traceable = read::<i32, WITH_CARE>(code.wrapping_add(traceable))?;
                let has_begun = owner == GENERATOR || offset >= traceable.wrapping_mul(INSTRUCTION);
                Some(has_begun.then_some(Call { code, offset }))
            }
        }
    }

    /// What the code object at an address says.
    #[inline(always)]
    pub(super) fn code<const WITH_CARE: bool>(&self, code: usize) -> Option<Code> {
        let word = |offset| read::<usize, WITH_CARE>(code.wrapping_add(offset));
        Some(Code {
            file: word(self.file)?,
            function: word(self.function)?,
            lines: word(self.lines)?,
            first_line: read::<i32, WITH_CARE>(code.wrapping_add(self.first_line))?,
        })
    }
}
