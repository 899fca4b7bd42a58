//! A BPF machine (McCanne and Jacobson, 1993) that runs a compiled filter and counts its steps.

use pcap::BpfProgram;

/// Runs the filter. Returns whether the packet passes, and the number of instructions run.
pub(super) fn run(program: &BpfProgram, packet: &[u8]) -> (bool, usize) {
    let code: Vec<[u32; 4]> = program
        .get_instructions()
        .iter()
        .map(|instruction| fields(&instruction.to_string()))
        .collect();
    let mut a = 0_u32;
    let mut x = 0_u32;
    let mut memory = [0_u32; 16];
    let mut at = 0;
    let mut steps = 0;
    let load = |offset: u32, size: u32| -> Option<u32> {
        let offset = offset as usize;
        let bytes = packet.get(offset..offset + size as usize)?;
        Some(
            bytes
                .iter()
                .fold(0, |value, byte| value << 8 | u32::from(*byte)),
        )
    };
    loop {
        let [operation, jump_true, jump_false, k] = code[at];
        at += 1;
        steps += 1;
        let operand = if operation & 0x08 == 0 { k } else { x };
        let size = match operation & 0x18 {
            0x00 => 4,
            0x08 => 2,
            _ => 1,
        };
        let loaded = match operation & 0xe7 {
            0x20 => load(k, size),
            0x40 => load(x.wrapping_add(k), size),
            0xa1 => load(k, 1).map(|byte| (byte & 0xf) * 4),
            _ => Some(0),
        };
        let Some(loaded) = loaded else {
            return (false, steps);
        };
        match operation & 0xe7 {
            0x00 => a = k,
            0x20 | 0x40 => a = loaded,
            0x60 => a = memory[k as usize],
            0x80 => a = u32::try_from(packet.len()).unwrap(),
            0x01 => x = k,
            0x61 => x = memory[k as usize],
            0xa1 => x = loaded,
            0x02 => memory[k as usize] = a,
            0x03 => memory[k as usize] = x,
            _ => match operation & 0xf7 {
                0x04 => a = a.wrapping_add(operand),
                0x14 => a = a.wrapping_sub(operand),
                0x24 => a = a.wrapping_mul(operand),
                0x44 => a |= operand,
                0x54 => a &= operand,
                0x64 => a <<= operand,
                0x74 => a >>= operand,
                0x84 => a = a.wrapping_neg(),
                0x05 => at += k as usize,
                0x15 => at += (if a == operand { jump_true } else { jump_false }) as usize,
                0x25 => at += (if a > operand { jump_true } else { jump_false }) as usize,
                0x35 => at += (if a >= operand { jump_true } else { jump_false }) as usize,
                0x45 => {
                    at += (if a & operand != 0 {
                        jump_true
                    } else {
                        jump_false
                    }) as usize;
                }
                0x06 => return (k != 0, steps),
                0x16 => return (a != 0, steps),
                0x07 if operation & 0x80 == 0 => x = a,
                0x07 | 0x87 => a = x,
                other => panic!("unknown instruction {other:#x}"),
            },
        }
    }
}

/// Parses an instruction: operation, jump if true, jump if false, operand.
pub(super) fn fields(text: &str) -> [u32; 4] {
    let fields: Vec<u32> = text
        .split_whitespace()
        .map(|field| field.parse().unwrap())
        .collect();
    fields.try_into().unwrap()
}
