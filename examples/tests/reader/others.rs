//! Tables of other gocoros, wrong ones, and programs for other machines.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use gocoro::go;
use gocoro::time::sleep;

use crate::programs::{NEVER, settled};
use crate::support::{Folder, Program, copy, reader, refused};

/// Room for a table, in the program's data: it is not all zero, which would be in no file.
#[repr(align(64))]
struct Place([AtomicU64; 8 * 1024]);

static PLACE: Place = Place([const { AtomicU64::new(1) }; 8 * 1024]);

/// A program with another table, which has the version, or else the damage, that a line of input
/// asks for: `version N` or `damage SEED`.
pub(crate) fn others() {
    go!(name = "here" => { sleep(NEVER) });
    go!(settled(1)).wait();
    let own = own_table();
    println!("ready");
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let (what, number) = line.split_once(' ').unwrap();
        let mut table = own.clone();
        table[16..24].copy_from_slice(&(std::ptr::from_ref(&PLACE).addr() as u64).to_ne_bytes());
        match what {
            "version" => {
                table[24..28].copy_from_slice(&number.parse::<u32>().unwrap().to_ne_bytes())
            }
            _ => damage(&mut table, number.parse().unwrap()),
        }
        for (word, bytes) in PLACE.0.iter().zip(table.chunks_exact(8)) {
            word.store(u64::from_ne_bytes(bytes.try_into().unwrap()), Relaxed);
        }
        println!("done");
    }
}

/// The bytes of the table that this program has.
fn own_table() -> Vec<u8> {
    let memory = fs::File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    for line in maps.lines().filter(|line| line.contains(" rw-p ") && line.contains('/')) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let hex = |text| u64::from_str_radix(text, 16).unwrap();
        for address in (hex(start)..hex(end)).step_by(64) {
            let mut head = [0; 32];
            memory.read_exact_at(&mut head, address).unwrap();
            if head.starts_with(b"gocoro's table\r\n") && head[16..24] == address.to_ne_bytes() {
                let bytes = u32::from_ne_bytes(head[28..32].try_into().unwrap());
                let mut table = vec![0; bytes as usize];
                memory.read_exact_at(&mut table, address).unwrap();
                return table;
            }
        }
    }
    panic!("no table in:\n{maps}");
}

/// Changes some numbers of a table, but not how it is found.
fn damage(table: &mut [u8], seed: u64) {
    let mut state = seed | 1;
    let mut random = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..=random(8) {
        let value = match random(4) {
            0 => random(256) as u64,
            1 => u64::MAX - random(16) as u64,
            2 => 1 << random(64),
            _ => random(1 << 16) as u64,
        };
        // A word of the head behind the version, or the number of a field.
        let words = (table.len() - 72) / 8;
        let at = if random(4) == 0 { 48 + 8 * random(3) } else { 72 + 8 * random(words) };
        table[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }
}

#[test]
fn of_several_gocoros_it_reads_those_that_it_knows() {
    let mut program = Program::start("others", 1);
    program.child.stdin.as_mut().unwrap().write_all(b"version 99\n").unwrap();
    program.says("done");
    let ended = reader(&["ps", &program.number()]);
    let complained = String::from_utf8(ended.stderr).unwrap();
    let expected = "has gocoro 0.1.0, whose table (version 99) this reader does not know";
    assert!(complained.contains(expected), "{complained}");
    assert_eq!(ended.status.code(), Some(1), "it has not shown all");
    assert_eq!(String::from_utf8(ended.stdout).unwrap().matches("  here  ").count(), 1);
    // One that it knows, which has the same workers.
    program.child.stdin.as_mut().unwrap().write_all(b"version 1\n").unwrap();
    program.says("done");
    assert_eq!(program.read("ps").matches("  here  ").count(), 2);
}

#[test]
fn a_table_that_is_wrong_neither_stops_nor_breaks_it() {
    let mut program = Program::start("others", 1);
    for seed in 0..60 {
        let line = format!("damage {seed}\n");
        program.child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        program.says("done");
        let ended = reader(&[["ps", "tree", "stacks"][seed % 3], &program.number()]);
        let complained = String::from_utf8(ended.stderr).unwrap();
        assert!(matches!(ended.status.code(), Some(0 | 1)), "{seed}: {complained}");
        assert!(!complained.contains("panicked"), "{seed}: {complained}");
        // The right table is read, whatever the other one says.
        let said = String::from_utf8(ended.stdout).unwrap();
        assert!(said.contains("here"), "{seed}: {said}{complained}");
    }
}

#[test]
fn a_program_for_another_machine_is_named_as_that() {
    // A program of Linux on i386, of which the code waits for a signal, again and again.
    let code = [0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7];
    let mut program = Vec::from(*b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0");
    let mut number = |bytes: usize, value: u32| program.extend(&value.to_le_bytes()[..bytes]);
    const AT: u32 = 0x0804_8000;
    let head =
        [(2, 2), (2, 3), (4, 1), (4, AT + 84), (4, 52), (4, 0), (4, 0), (2, 52), (2, 32), (2, 1)];
    let none = [(2, 0), (2, 0), (2, 0)];
    let segment = [(4, 1), (4, 0), (4, AT), (4, AT), (4, 93), (4, 93), (4, 5), (4, 0x1000)];
    for (bytes, value) in head.into_iter().chain(none).chain(segment) {
        number(bytes, value);
    }
    program.extend(code);
    let folder = Folder::new();
    let path = folder.0.join("small");
    let made = folder.0.join("made");
    fs::write(&made, program).unwrap();
    copy(&made, &path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut small = match Command::new(&path).spawn() {
        Ok(small) => small,
        Err(error) => return println!("skipped: this kernel runs no 32-bit programs: {error}"),
    };
    let number = small.id().to_string();
    let why = loop {
        let why = refused(&number);
        if why.contains("32-bit") || !why.contains("no gocoro program") {
            break why;
        }
    };
    small.kill().unwrap();
    small.wait().unwrap();
    assert!(why.contains("is a 32-bit program, and this reader is for 64-bit programs"), "{why}");
}
