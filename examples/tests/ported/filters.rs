//! Programs that read and write files and standard streams.

use crate::process::Process;
use crate::{Place, same};
use std::fs::{self, File};
use std::io::{self, Seek};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// Some MB, of which no two parts are equal: lines short and long, and bytes that are no text.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let byte = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as u8
    });
    byte.take(length).collect()
}

/// The output of which nobody reads.
fn unread() -> Stdio {
    io::pipe().unwrap().1.into()
}

#[test]
fn tee_copies_megabytes_to_all() {
    let input = noise(3_000_000);
    let outputs = same(|place| {
        let ended = place.run("tee", &["a", "b", "c"], &*input);
        (ended, ["a", "b", "c"].map(|name| place.folder.read(name) == input))
    });
    assert_eq!(outputs.0.code, Some(0));
    assert!(outputs.0.stdout == input);
    assert_eq!(outputs.1, [true; 3]);
}

#[test]
fn tee_appends_or_starts_anew() {
    same(|place| {
        place.folder.write("old", "old\n");
        let ended = [
            place.run("tee", &["-a", "old", "new"], "one\n"),
            place.run("tee", &["-a", "old", "new"], "two"),
            place.run("tee", &["new"], ""),
        ];
        assert_eq!(place.folder.read("old"), b"old\none\ntwo");
        assert_eq!(place.folder.read("new"), b"");
        ended
    });
}

#[test]
fn tee_goes_on_without_an_output_that_fails() {
    let input = noise(500_000);
    let ended = same(|place| {
        let ended = place.run("tee", &["missing/a", "/dev/full", ".", "whole"], &*input);
        assert!(place.folder.read("whole") == input, "{:?}", place.world);
        ended
    });
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout == input);
    assert!(ended.stderr().contains("missing/a: No such file"), "{ended:?}");
    assert!(ended.stderr().contains("/dev/full: No space left"), "{ended:?}");
    assert_eq!(ended.stderr().lines().count(), 3, "{ended:?}");
}

#[test]
fn tee_goes_on_if_nobody_reads() {
    let input = noise(500_000);
    let ended = same(|place| {
        let mut tee = Process::start(place.command("tee", &["whole"]).stdout(unread()));
        tee.feed(&*input);
        let ended = tee.end();
        assert!(place.folder.read("whole") == input, "{:?}", place.world);
        ended
    });
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr().contains("standard output: Broken pipe"), "{ended:?}");
}

#[test]
fn tee_reads_and_writes_what_is_no_pipe() {
    let input = noise(300_000);
    same(|place| {
        place.folder.write("input", &input);
        let file = || File::open(place.folder.0.join("input")).unwrap();
        let mut from_file = place.command("tee", &["copy"]);
        let by_file = Process::start(from_file.stdin(file())).end();
        assert!(place.folder.read("copy") == input);

        // The descriptor is shared, so the copy begins where the test has stopped.
        let (mut half, output) = (file(), File::create(place.folder.0.join("output")).unwrap());
        half.seek(io::SeekFrom::Start(200_000)).unwrap();
        let mut to_file = place.command("tee", &[]);
        let shared = to_file.stdin(half.try_clone().unwrap()).stdout(output);
        let to_file = Process::start(shared).end();
        assert!(place.folder.read("output") == input[200_000..]);
        assert_eq!(half.stream_position().unwrap(), 300_000);

        let empty = Process::start(place.command("tee", &["none"]).stdin(Stdio::null())).end();
        (by_file, to_file, empty)
    });
}

#[test]
fn tee_writes_to_a_fifo() {
    let input = noise(400_000);
    same(|place| {
        let path = place.folder.0.join("fifo");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let mut tee = place.start("tee", &["fifo"]);
        tee.feed(&*input);
        let reader = thread::spawn(move || fs::read(path).unwrap());
        let ended = tee.end();
        assert!(reader.join().unwrap() == input, "{:?}", place.world);
        ended
    });
}

/// A folder with many files, of which some have much in them.
fn plant(place: &Place) {
    for i in 0..150 {
        let text = format!("first {i}\nThe Needle of file {i}\nno end of line: {}", i % 7);
        place.folder.write(&format!("many/{}/{i}.txt", i % 13), text);
    }
    place.folder.write("many/empty", "");
    place.folder.write("many/noise", noise(1_000_000));
    let mut long = String::new();
    for i in 0..60_000 {
        long += if i % 1000 == 7 { "a needle in it\r\n" } else { "hay, as far as one can see\n" };
    }
    place.folder.write("long", &long);
    std::os::unix::fs::symlink("..", place.folder.0.join("many/up")).unwrap();
}

#[test]
fn grep_finds_the_same_lines_in_the_same_order() {
    let ended = same(|place| {
        plant(place);
        [
            &["-rn", "needle", "many", "long"][..],
            &["-ri", "needle", "many"],
            &["-rc", "e", "many"],
            &["-rl", "file 1", "many"],
            &["-n", "needle", "long"],
            &["-vc", "hay", "long", "many/noise"],
            &["-r", "not there", "many"],
            &["", "many/0/0.txt"],
        ]
        .map(|args| place.run("grep", args, ""))
    });
    assert_eq!(ended.each_ref().map(|e| e.code.unwrap()), [0, 0, 0, 0, 0, 0, 1, 0]);
    assert_eq!(ended[0].stdout().lines().count(), 60);
    assert_eq!(ended[1].stdout().lines().count(), 150);
    assert!(ended[4].stdout().starts_with("8:a needle in it\n1008:"), "{ended:?}");
}

#[test]
fn grep_tells_what_it_cannot_search() {
    let ended = same(|place| {
        plant(place);
        place.run("grep", &["needle", "missing", "long", "many", "long/too"], "").sorted()
    });
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stdout().lines().count(), 60);
    assert_eq!(ended.stderr().lines().count(), 3, "{ended:?}");

    let ended = same(|place| place.run("grep", &["-x", "needle"], ""));
    assert_eq!((ended.code, ended.stderr()), (Some(2), "grep: unknown option -x\n"));
    assert_eq!(same(|place| place.run("grep", &[], "")).code, Some(2));
}

#[test]
fn grep_searches_standard_input() {
    let mut input = noise(1_000_000);
    input.extend(b"\nneedle\n");
    let ended = same(|place| place.run("grep", &["-n", "needle"], &*input));
    assert!(ended.code == Some(0) && ended.stdout.ends_with(b":needle\n"), "{ended:?}");
}

#[test]
fn grep_ends_when_nobody_reads() {
    let ended = same(|place| {
        plant(place);
        let args = ["-rv", "needle", "many", "long", "many"];
        Process::start(place.command("grep", &args).stdout(unread())).end()
    });
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr().contains("output: Broken pipe"), "{ended:?}");
}

#[test]
fn pool_answers_in_the_order_of_the_questions() {
    let numbers: Vec<_> = (1..2000).chain([600_851_475_143, 9_967 * 9_973, 1 << 62]).collect();
    let input: String = numbers.iter().map(|number| format!("{number}\n")).collect();
    let mut outputs = ["1", "3", "16"].map(|threads| {
        let ended = same(|place| place.run("pool", &[threads], &*input));
        assert_eq!((ended.code, ended.stderr()), (Some(0), ""));
        ended.stdout
    });
    let text = String::from_utf8(std::mem::take(&mut outputs[0])).unwrap();
    assert!(outputs[1..].iter().all(|output| output == text.as_bytes()));
    for (line, number) in text.lines().zip(numbers) {
        let (asked, factors) = line.split_once(':').unwrap();
        let factors = factors.split_whitespace().map(|factor| factor.parse::<u64>().unwrap());
        assert_eq!((asked.parse(), factors.product::<u64>()), (Ok(number), number));
    }
}

#[test]
fn pool_outlives_jobs_that_panic() {
    let reports = same(|place| {
        let ended = place.run("pool", &["2"], "0\n6\n0\n0\n7\n");
        // The report of a panic names a thread or a task.
        let count = ended.stderr().matches("zero has no factors").count();
        let last = ended.stderr().lines().last().map(str::to_owned);
        (ended.code, ended.stdout().to_owned(), count, last)
    });
    assert_eq!((reports.0, &*reports.1, reports.2), (Some(1), "6: 2 3\n7: 7\n", 3));
}

#[test]
fn pool_refuses_what_is_no_number() {
    for (args, input) in [(["2"], "6\nseven\n"), (["two"], "6\n"), (["0"], ""), (["2"], "-1\n")] {
        let ended = same(|place| place.run("pool", &args, input));
        assert!(ended.code == Some(1) && ended.stderr().starts_with("Error: "), "{ended:?}");
    }
}

#[test]
fn a_program_without_arguments_of_the_others_names_them() {
    same(|place| place.run("something else", &[], ""));
}

#[test]
fn the_first_argument_may_name_the_program() {
    let ended = same(|place| {
        let path = Path::new(place.world.binary);
        let name = path.file_name().unwrap().to_str().unwrap();
        place.run(name, &["grep", "-n", "b"], "a\nb\n")
    });
    assert_eq!((ended.code, ended.stdout()), (Some(0), "2:b\n"));
}
