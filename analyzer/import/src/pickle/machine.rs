//! The stack machine that a pickle is a program for.

use std::io::Read;

use super::{Arena, Opcode, Pickle, PickleError, PickleFault, Value, View, input::Input};

/// After so many opcodes it is time to look at the budget and to tell how far it has come. No opcode takes more than some
/// fifty bytes of memory beyond its own length.
const BETWEEN_LOOKS: u32 = 4096;

/// What every file may take.
const BUDGET: u64 = 64 << 20;
/// And what each byte of it may take. Real snapshots take less than one.
const BUDGET_PER_BYTE: u64 = 2;

/// A pickle half run.
#[derive(Debug)]
pub(super) struct Machine<R> {
    input: Input<R>,
    arena: Arena,
    stack: Vec<Value>,
    /// How high the stack was at each mark.
    marks: Vec<u32>,
    memo: Vec<Value>,
    budget: u64,
    /// Where the opcode at hand begins.
    opcode_at: u64,
}

impl<R: Read> Machine<R> {
    pub(super) fn new(input: Input<R>, keys: &[&str]) -> Self {
        Self {
            budget: BUDGET.saturating_add(input.length().saturating_mul(BUDGET_PER_BYTE)),
            input,
            arena: Arena::new(keys),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            opcode_at: 0,
        }
    }

    /// Runs to the end.
    pub(super) fn run(mut self, watch: impl FnMut(u64)) -> Result<Pickle, PickleError> {
        match self.execute(watch) {
            Ok(root) => Ok(Pickle { arena: self.arena, root }),
            // What is missing is missing at the end, wherever the opcode began.
            Err(PickleFault::Truncated) => {
                Err(PickleError { offset: self.input.length(), fault: PickleFault::Truncated })
            }
            Err(fault) => Err(PickleError { offset: self.opcode_at, fault }),
        }
    }

    fn execute(&mut self, mut watch: impl FnMut(u64)) -> Result<Value, PickleFault> {
        loop {
            for _ in 0..BETWEEN_LOOKS {
                self.opcode_at = self.input.offset();
                let opcode = self.input.byte()?;
                if opcode == b'.' {
                    return match (&self.stack[..], &self.marks[..]) {
                        ([root], []) => Ok(*root),
                        _ => Err(PickleFault::End(self.stack.len())),
                    };
                }
                self.step(opcode)?;
            }
            self.keep_to_budget()?;
            watch(self.opcode_at);
        }
    }

    #[inline(always)]
    fn step(&mut self, opcode: u8) -> Result<(), PickleFault> {
        match opcode {
            // By how often they come.
            b'h' => {
                let index = self.input.byte()?;
                self.recall(u32::from(index))
            }
            b'j' => {
                let index = u32::from_le_bytes(self.input.array()?);
                self.recall(index)
            }
            0x94 => {
                let top = *self.stack.last().ok_or(PickleFault::Stack)?;
                self.memo.push(top);
                Ok(())
            }
            b'(' => {
                self.marks.push(u32::try_from(self.stack.len()).map_err(|_| PickleFault::Stack)?);
                Ok(())
            }
            0x8a => {
                let length = self.input.byte()?;
                self.long(u64::from(length))
            }
            b'K' => {
                let [number] = self.input.array()?;
                self.integer(i64::from(number))
            }
            b'M' => {
                let number = u16::from_le_bytes(self.input.array()?);
                self.integer(i64::from(number))
            }
            b'J' => {
                let number = i32::from_le_bytes(self.input.array()?);
                self.integer(i64::from(number))
            }
            b'}' => {
                let dict = self.arena.new_dict(self.opcode_at)?;
                self.push(dict)
            }
            b'u' => self.set_items(),
            b']' => {
                let list = self.arena.new_list(self.opcode_at)?;
                self.push(list)
            }
            b'e' => self.append_items(),
            0x8c | b'U' | b'C' => {
                let length = self.input.byte()?;
                self.string(u64::from(length))
            }
            _ => self.rare_step(opcode),
        }
    }

    fn rare_step(&mut self, opcode: u8) -> Result<(), PickleFault> {
        match opcode {
            0x80 => match self.input.byte()? {
                2..=5 => Ok(()),
                version => Err(PickleFault::Protocol(version)),
            },
            0x95 => {
                let claimed = u64::from_le_bytes(self.input.array()?);
                let left = self.input.left();
                if claimed > left { Err(PickleFault::Length { claimed, left }) } else { Ok(()) }
            }
            b'X' | b'T' | b'B' => {
                let length = u32::from_le_bytes(self.input.array()?);
                self.string(u64::from(length))
            }
            0x8d | 0x8e | 0x96 => {
                let length = u64::from_le_bytes(self.input.array()?);
                self.string(length)
            }
            0x8b => {
                let length = u32::from_le_bytes(self.input.array()?);
                self.long(u64::from(length))
            }
            b'G' => {
                let number = self.arena.float(f64::from_be_bytes(self.input.array()?))?;
                self.push(number)
            }
            b'N' => self.push(Value::NONE),
            0x88 => self.push(Value::bool(true)),
            0x89 => self.push(Value::bool(false)),
            b'q' => {
                let index = self.input.byte()?;
                self.remember(u32::from(index))
            }
            b'r' => {
                let index = u32::from_le_bytes(self.input.array()?);
                self.remember(index)
            }
            b')' => self.tuple(self.stack.len()),
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(opcode - 0x84));
                self.tuple(from.filter(|&from| from >= self.floor()).ok_or(PickleFault::Stack)?)
            }
            b't' => {
                let from = self.marks.pop().ok_or(PickleFault::Stack)?;
                self.tuple(from as usize)
            }
            b's' => {
                let from = self.stack.len().checked_sub(2).filter(|&from| from >= self.floor());
                self.set_items_from(from.ok_or(PickleFault::Stack)?)
            }
            b'a' => {
                let from = self.stack.len().checked_sub(1).filter(|&from| from >= self.floor());
                self.append_items_from(from.ok_or(PickleFault::Stack)?)
            }
            b'0' => match self.stack.len().checked_sub(1).filter(|&top| top >= self.floor()) {
                Some(top) => {
                    self.stack.truncate(top);
                    Ok(())
                }
                // Like the original: where only a mark is on the stack, the mark goes.
                None => self.marks.pop().map(drop).ok_or(PickleFault::Stack),
            },
            b'1' => {
                let from = self.marks.pop().ok_or(PickleFault::Stack)?;
                self.stack.truncate(from as usize);
                Ok(())
            }
            b'2' => {
                let top = *self.stack.last().ok_or(PickleFault::Stack)?;
                self.push(top)
            }
            b'c' | b'R' | b'b' | b'i' | b'o' | b'P' | b'Q' | 0x81..=0x84 | 0x92 | 0x93 => {
                Err(PickleFault::RunsCode(Opcode(opcode)))
            }
            _ => Err(PickleFault::Opcode(Opcode(opcode))),
        }
    }

    /// How low the stack must not sink: the topmost mark.
    fn floor(&self) -> usize {
        self.marks.last().map_or(0, |&mark| mark as usize)
    }

    #[inline(always)]
    fn push(&mut self, value: Value) -> Result<(), PickleFault> {
        self.stack.push(value);
        Ok(())
    }

    #[inline(always)]
    fn recall(&mut self, index: u32) -> Result<(), PickleFault> {
        let value = *self.memo.get(index as usize).ok_or(PickleFault::Memo(index))?;
        self.push(value)
    }

    fn remember(&mut self, index: u32) -> Result<(), PickleFault> {
        let top = *self.stack.last().ok_or(PickleFault::Stack)?;
        let index_usize = index as usize;
        // Each entry took at least two bytes of the file to write.
        if u64::from(index) > self.opcode_at {
            return Err(PickleFault::Memo(index));
        }
        if index_usize >= self.memo.len() {
            self.memo.resize(index_usize + 1, Value::NONE);
        }
        self.memo[index_usize] = top;
        Ok(())
    }

    #[inline(always)]
    fn integer(&mut self, number: i64) -> Result<(), PickleFault> {
        let value = self.arena.integer(number)?;
        self.push(value)
    }

    /// A little-endian integer of `length` bytes, in two's complement.
    fn long(&mut self, length: u64) -> Result<(), PickleFault> {
        if length > 9 {
            return Err(PickleFault::Number);
        }
        let bytes = self.input.bytes(length)?;
        let filler = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [filler; 16];
        wide[..bytes.len()].copy_from_slice(bytes);
        let number = i128::from_le_bytes(wide);
        let value = match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => self.arena.integer(number)?,
            (_, Ok(number)) => self.arena.large(number)?,
            _ => return Err(PickleFault::Number),
        };
        self.push(value)
    }

    fn string(&mut self, length: u64) -> Result<(), PickleFault> {
        let bytes = self.input.bytes(length)?;
        let value = self.arena.text(bytes)?;
        self.push(value)
    }

    fn tuple(&mut self, from: usize) -> Result<(), PickleFault> {
        let tuple = self.arena.new_tuple(self.opcode_at, &self.stack[from..])?;
        self.stack.truncate(from);
        self.push(tuple)
    }

    #[inline]
    fn set_items(&mut self) -> Result<(), PickleFault> {
        let from = self.marks.pop().ok_or(PickleFault::Stack)?;
        self.set_items_from(from as usize)
    }

    fn set_items_from(&mut self, from: usize) -> Result<(), PickleFault> {
        let pairs = &self.stack[from..];
        let under = from.checked_sub(1).filter(|&under| under >= self.floor()).ok_or(PickleFault::Stack)?;
        let View::Dict(dict) = self.arena.view(self.stack[under]) else {
            return Err(PickleFault::Kind("a dict"));
        };
        if !pairs.len().is_multiple_of(2) {
            return Err(PickleFault::Kind("a value for every key"));
        }
        self.arena.extend_dict(dict, pairs)?;
        self.stack.truncate(from);
        Ok(())
    }

    #[inline]
    fn append_items(&mut self) -> Result<(), PickleFault> {
        let from = self.marks.pop().ok_or(PickleFault::Stack)?;
        self.append_items_from(from as usize)
    }

    fn append_items_from(&mut self, from: usize) -> Result<(), PickleFault> {
        let under = from.checked_sub(1).filter(|&under| under >= self.floor()).ok_or(PickleFault::Stack)?;
        let View::List(list) = self.arena.view(self.stack[under]) else {
            return Err(PickleFault::Kind("a list"));
        };
        self.arena.extend_list(list, &self.stack[from..])?;
        self.stack.truncate(from);
        Ok(())
    }

    fn keep_to_budget(&self) -> Result<(), PickleFault> {
        let own = 8 * (self.stack.len() + self.memo.len()) + 4 * self.marks.len();
        if own as u64 + self.arena.footprint() > self.budget {
            return Err(PickleFault::Budget(self.budget));
        }
        Ok(())
    }
}
