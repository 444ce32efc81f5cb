//! `Barrier` lets all through when all have come.

use gocoro::sync::{Arc, Barrier};

use super::{both, matrix, spawn};
use crate::support::settle;

#[test]
fn nobody_leaves_before_all_have_come_and_one_leads() {
    matrix(|peer| {
        let barrier = Arc::new(Barrier::new(5));
        for _ in 0..3 {
            let peers: Vec<_> = (0..4)
                .map(|_| {
                    let barrier = barrier.clone();
                    spawn(peer, move || barrier.wait().is_leader())
                })
                .collect();
            settle();
            assert!(peers.iter().all(|peer| !peer.is_finished()));
            let mut leaders = usize::from(barrier.wait().is_leader());
            leaders += peers.into_iter().filter_map(|peer| peer.wait().then_some(())).count();
            assert_eq!(leaders, 1);
        }
    });
}

#[test]
fn rounds_do_not_mix() {
    matrix(|peer| {
        let barrier = Arc::new(Barrier::new(3));
        let rounds = Arc::new(std::sync::Mutex::new([0; 50]));
        let play = |barrier: &Barrier, rounds: &std::sync::Mutex<[u32; 50]>| {
            for round in 0..50 {
                rounds.lock().unwrap()[round] += 1;
                barrier.wait();
                assert_eq!(rounds.lock().unwrap()[round], 3);
            }
        };
        let peers: Vec<_> = (0..2)
            .map(|_| {
                let (barrier, rounds) = (barrier.clone(), rounds.clone());
                spawn(peer, move || play(&barrier, &rounds))
            })
            .collect();
        play(&barrier, &rounds);
        peers.into_iter().for_each(|peer| peer.wait());
    });
}

#[test]
fn of_nobody_or_one_it_waits_for_none() {
    both(|| {
        for n in [0, 1] {
            let barrier = Barrier::new(n);
            assert!(barrier.wait().is_leader());
            assert!(barrier.wait().is_leader());
        }
    });
}

#[test]
fn says_what_it_is() {
    let (ours, theirs) = (Barrier::new(1), std::sync::Barrier::new(1));
    assert_eq!(format!("{ours:?}"), "Barrier { size: 1, .. }");
    assert_eq!(format!("{:?}", ours.wait()), format!("{:?}", theirs.wait()));
}
