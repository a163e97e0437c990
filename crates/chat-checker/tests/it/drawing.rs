//! A violation is drawn with what is around it, and nothing in it is markup.

use chat_checker::{Live, Property, check, drawing::draw};

use crate::world::{Size, recorded};

const SIZE: Size = Size { rooms: 1, readers: 2, turns: 40 };

#[test]
fn a_hole_shows_the_place_before_it_and_the_one_after() {
    let mut history = recorded(3, &SIZE);
    let is_tenth = |live: &Live| matches!(live, Live::Received { event, .. } if event.offset == 10);
    let at = history.live.iter().position(is_tenth).unwrap();
    history.live.remove(at);
    let verdict = check(&history);
    let hole = verdict.violations.iter().find(|it| it.property == Property::LiveHole).unwrap();
    let drawn = draw(&history, hole);
    assert!(drawn.contains(&hole.story) && drawn.contains("LiveHole in room-0"), "{drawn}");
    for offset in 8..=12 {
        assert!(drawn.contains(&format!(">{offset}</text>")), "place {offset}: {drawn}");
    }
    assert!(drawn.contains(">reader-"), "{drawn}");
}

#[test]
fn a_lost_message_shows_what_its_author_was_told() {
    let mut history = recorded(3, &SIZE);
    let lost = history.name("client-lost");
    let acked = |attempt: &&mut chat_checker::Attempt| {
        matches!(attempt.answer, chat_checker::Answer::Acked { .. })
    };
    history.attempts.iter_mut().find(acked).unwrap().client_id = lost;
    let verdict = check(&history);
    let missing = verdict.violations.iter().find(|it| it.property == Property::AckedMissing);
    let drawn = draw(&history, missing.unwrap());
    assert!(drawn.contains("acked as event-") && drawn.contains("(fsync)"), "{drawn}");
}

#[test]
fn whatever_names_hold_is_text() {
    let mut history = recorded(3, &SIZE);
    let nasty = history.name("</text><script>alert('\"&\u{0}\u{1b}')</script>");
    for live in &mut history.live {
        if let Live::Received { event, .. } = live {
            event.id = Some(nasty);
        }
    }
    for log in &mut history.logs {
        log.room = nasty;
    }
    let verdict = check(&history);
    assert!(!verdict.violations.is_empty());
    for violation in &verdict.violations {
        let drawn = draw(&history, violation);
        assert!(
            !drawn.contains("<script") && !drawn.contains('\u{0}') && !drawn.contains('\u{1b}')
        );
        assert_eq!(drawn.matches("<text").count(), drawn.matches("</text>").count());
    }
}
