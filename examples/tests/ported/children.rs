//! Programs that run other programs.

use crate::process::Ended;
use crate::{Place, same};

/// The lines of an output that begin so, in their order.
fn of(ended: &Ended, start: &str) -> Vec<String> {
    let lines = ended.stdout().lines().filter(|line| line.starts_with(start));
    lines.map(str::to_owned).collect()
}

/// A pyramid of targets, each made of two below it.
fn pyramid(place: &Place, height: usize) {
    let mut rules = String::new();
    for level in (1..=height).rev() {
        for i in 0..=height - level {
            let below = level - 1;
            let (target, needs) =
                (format!("{level}.{i}"), format!("{below}.{i} {below}.{}", i + 1));
            rules += &format!("{target}: {needs}\n\tcat {needs} > {target}\n");
        }
    }
    for i in 0..=height {
        place.folder.write(&format!("0.{i}"), format!("{i}\n"));
    }
    place.folder.write("Buildfile", rules);
}

#[test]
fn make_builds_in_order_then_only_what_is_out_of_date() {
    let ended = same(|place| {
        pyramid(place, 6);
        let first = place.run("make", &[], "");
        assert_eq!(place.folder.read("6.0").len(), 2 << 6);
        let second = place.run("make", &[], "");
        std::fs::remove_file(place.folder.0.join("3.1")).unwrap();
        [first, second, place.run("make", &[], "")]
    });
    assert_eq!(ended.each_ref().map(|e| e.code), [Some(0); 3]);
    assert_eq!(ended[0].stdout().lines().count(), 21);
    assert_eq!(ended[1].stdout(), "nothing to build\n");
    assert_eq!(ended[2].stdout().lines().count(), 1 + 2 + 2 + 1, "{ended:?}");
}

#[test]
fn make_builds_several_things_at_a_time() {
    let ended = same(|place| {
        pyramid(place, 8);
        let ended = place.run("make", &["-j", "6"], "").sorted();
        assert_eq!(place.folder.read("8.0").len(), 2 << 8);
        ended
    });
    assert_eq!((ended.code, ended.stdout().lines().count()), (Some(0), 36));

    // Each of these waits for the other.
    let ended = same(|place| {
        let rules = "both: a b\n\tcat got\na: f\n\techo hello > f\nb: f\n\tcat f > got\n\
                     f:\n\tmkfifo f\n";
        place.folder.write("Buildfile", rules);
        place.run("make", &["-j", "2"], "").sorted()
    });
    assert_eq!(of(&ended, "hello"), ["hello"], "{ended:?}");
}

#[test]
fn make_shows_what_a_command_has_printed_whole() {
    let ended = same(|place| {
        let flood = "yes '~~~~~~~~' | head -n 200000; yes 2 | head -n 200000 >&2; echo end";
        place.folder.write("Buildfile", format!("all: a b\na:\n\t{flood}\nb:\n\t{flood}\n"));
        place.run("make", &["-j", "2"], "")
    });
    assert_eq!(ended.code, Some(0));
    let out = ended.stdout();
    let first = out.find("end\n2\n").expect("the second stream comes after the first");
    assert!(out[..first].lines().skip(1).all(|line| line == "~~~~~~~~"));
    assert_eq!((out.matches("~\n").count(), out.matches("\n2\n2").count()), (400_000, 200_000));
}

#[test]
fn make_stops_at_a_failure_or_goes_on_where_it_can() {
    let rules = "all: bad good above\nabove: bad\n\techo never\nbad:\n\techo so; exit 7\n\
                 \techo never\ngood:\n\techo good\n";
    let [stops, goes_on] = same(|place| {
        place.folder.write("Buildfile", rules);
        [place.run("make", &[], ""), place.run("make", &["-k"], "")]
    });
    assert_eq!((stops.code, stops.stdout()), (Some(2), "echo so; exit 7\nso\n"));
    assert_eq!(stops.stderr(), "make: 'bad': exit status: 7\n");
    assert_eq!(goes_on.code, Some(2));
    assert_eq!(of(&goes_on, "good"), ["good"]);
    assert!(!goes_on.stdout().contains("never"));

    let killed = same(|place| {
        place.folder.write("Buildfile", "all:\n\techo before; kill -9 $$\n");
        place.run("make", &[], "")
    });
    assert_eq!(of(&killed, "before"), ["before"]);
    assert!(killed.stderr().contains("'all': signal: 9 (SIGKILL)"), "{killed:?}");
}

#[test]
fn make_refuses_what_it_cannot_build() {
    for (rules, complaint) in [
        ("a: b\nb: c\nc: a\n", "'a' needs itself"),
        ("a: nowhere\n", "no rule for 'nowhere'"),
        ("\techo\n", "line 1: a command of no rule"),
        ("a b\n", "line 1: no colon"),
        ("# nothing\n", "no rules"),
    ] {
        let ended = same(|place| {
            place.folder.write("Buildfile", rules);
            place.run("make", &[], "")
        });
        assert!(ended.code == Some(1) && ended.stderr().contains(complaint), "{ended:?}");
    }
    let ended = same(|place| place.run("make", &["-f", "missing"], ""));
    assert!(ended.stderr().contains("missing: No such file"), "{ended:?}");
}

#[test]
fn make_only_prints_what_it_would_do() {
    let ended = same(|place| {
        pyramid(place, 3);
        let ended = place.run("make", &["-n", "2.0"], "");
        assert!(!place.folder.0.join("1.0").exists());
        ended
    });
    assert_eq!((ended.code, ended.stdout().lines().count()), (Some(0), 3));
}

#[test]
fn supervise_runs_again_what_failed() {
    let services = "# three at once\n\nfails: echo try; echo wrong >&2; exit 3\n\
                    works: echo $SERVICE; echo it works\n\
                    second: if [ -e mark ]; then echo yes; else touch mark; exit 1; fi\n\
                    missing: no-such-program-anywhere\n\
                    killed: kill -9 $$\n";
    let ended = same(|place| {
        place.folder.write("services", services);
        place.run("supervise", &["-r", "2", "services"], "").sorted()
    });
    assert_eq!(ended.code, Some(1));
    assert_eq!(of(&ended, "fails | "), ["fails | try"; 3]);
    assert_eq!(of(&ended, "fails ! "), ["fails ! wrong"; 3]);
    assert_eq!(of(&ended, "works"), ["works | it works", "works | works", "works: done"]);
    assert_eq!(of(&ended, "second: "), ["second: done", "second: exit status: 1, restart 1 of 2"]);
    assert_eq!(of(&ended, "missing: g"), ["missing: given up: exit status: 127"]);
    assert_eq!(of(&ended, "killed: g"), ["killed: given up: signal: 9 (SIGKILL)"]);
}

#[test]
fn supervise_takes_what_floods() {
    let flood = "yes out | head -n 100000; yes err | head -n 100000 >&2; echo $SERVICE";
    let ended = same(|place| {
        place.folder.write("services", format!("a: {flood}\nb: {flood} & {flood}; wait\n"));
        place.run("supervise", &["services"], "").sorted()
    });
    assert_eq!((ended.code, ended.stderr()), (Some(0), ""));
    let counts = ["a | out", "a ! err", "b | out", "b ! err", "b | b"].map(|s| of(&ended, s).len());
    assert_eq!(counts, [100_000, 100_000, 200_000, 200_000, 2]);
}

#[test]
fn supervise_kills_what_takes_too_long() {
    let [said, again] = same(|place| {
        place.folder.write("deaf", "deaf: trap '' TERM INT; echo on; exec sleep 1000\n");
        place.folder.write("slow", "slow: exec sleep 1000\n");
        [
            place.run("supervise", &["-r", "0", "-t", "2", "deaf"], ""),
            place.run("supervise", &["-r", "1", "-t", "0.2", "slow"], ""),
        ]
    });
    assert_eq!(said.stdout(), "deaf | on\ndeaf: given up: it took too long\n");
    let expected = "slow: it took too long, restart 1 of 1\nslow: given up: it took too long\n";
    assert_eq!((again.code, again.stdout()), (Some(1), expected));
}

#[test]
fn supervise_obeys() {
    let said = same(|place| {
        let services = "a: echo a; exec sleep 1000\nb: echo b; exec sleep 1000\nc: true\n\
                        d: exit 1\n";
        place.folder.write("services", services);
        let mut process = place.start("supervise", &["-r", "1000000", "services"]);
        let mut lines = Vec::new();
        while !["a | a", "b | b", "c: done"].iter().all(|said| lines.iter().any(|l| l == said)) {
            lines.push(process.line());
        }
        process.say("stop b\nstop nobody\nstop d\ndance\n");
        let mut stopped = Vec::new();
        while stopped.len() < 2 {
            stopped.extend(Some(process.line()).filter(|line| line.ends_with(": stopped")));
        }
        stopped.sort();
        process.say("status");
        let status: Vec<_> = std::iter::repeat_with(|| process.line()).take(4).collect();
        // The shell of `a` has become what it runs. Nobody who has ended was left behind.
        assert_eq!(process.children(), 1);
        process.say("stop");
        (stopped, status, process.end())
    });
    let (stopped, status, ended) = said;
    assert_eq!(stopped, ["b: stopped", "d: stopped"]);
    assert_eq!(status, ["a: Running", "b: Stopped", "c: Done", "d: Stopped"]);
    assert_eq!((ended.code, ended.stdout()), (Some(0), "a: stopped\n"));
    let complaints = "supervise: no service 'nobody'\nsupervise: 'dance' is no command\n";
    assert_eq!(ended.stderr(), complaints);
}

#[test]
fn supervise_tells_what_it_cannot_read() {
    let ended = same(|place| {
        place.folder.write("services", "nonsense\n");
        [place.run("supervise", &["services"], ""), place.run("supervise", &["missing"], "")]
    });
    assert_eq!(ended.each_ref().map(|e| e.code), [Some(1); 2]);
    assert!(ended[0].stderr().contains("no name in 'nonsense'"), "{ended:?}");
    assert!(ended[1].stderr().contains("missing: No such file"), "{ended:?}");
}

#[test]
fn pipe_passes_on_what_commands_write() {
    let input: String = (0..100_000).map(|i| format!("{}\n", i % 1000)).collect();
    let ended =
        same(|place| place.run("pipe", &["-v", "cat", "sort -n", "uniq -c", "tail -n 2"], &*input));
    assert_eq!((ended.code, ended.stdout()), (Some(0), "    100 998\n    100 999\n"));
    let bytes = input.len();
    assert_eq!(ended.stderr().lines().next(), Some(&*format!("cat | {bytes} bytes | sort -n")));
    assert_eq!(ended.stderr().lines().count(), 3);

    let alone = same(|place| place.run("pipe", &["tr a-z A-Z"], "alone"));
    assert_eq!((alone.code, alone.stdout()), (Some(0), "ALONE"));
    assert_eq!(same(|place| place.run("pipe", &[], "alone")).code, Some(0));
}

#[test]
fn pipe_ends_with_the_one_that_reads_no_more() {
    let ended = same(|place| place.run("pipe", &["yes", "cat", "head -n 3"], ""));
    assert_eq!((ended.code, ended.stdout(), ended.stderr()), (Some(0), "y\ny\ny\n", ""));
}

#[test]
fn pipe_fails_as_the_last_that_fails() {
    let [ended, missing] = same(|place| {
        [
            place.run("pipe", &["exit 3", "cat; exit 4", "cat; echo end"], ""),
            place.run("pipe", &["echo a", "no-such-program-anywhere"], ""),
        ]
    });
    assert_eq!((ended.code, ended.stdout()), (Some(4), "end\n"));
    let complaints = "pipe: exit 3: exit status: 3\npipe: cat; exit 4: exit status: 4\n";
    assert_eq!(ended.stderr(), complaints);
    assert_eq!(missing.code, Some(127));
    let killed = same(|place| place.run("pipe", &["echo a", "cat; kill -9 $$"], ""));
    assert!(killed.code == Some(1) && killed.stderr().contains("SIGKILL"), "{killed:?}");
}
