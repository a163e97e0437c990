use super::*;

/// What may happen to a room, in short.
#[derive(Clone, Copy, Debug)]
enum Step {
    Hear(Offset),
    Repair(Offset),
    FailedRepair,
    Head(Offset),
}

const STEPS: [Step; 9] = [
    Step::Hear(1),
    Step::Hear(2),
    Step::Hear(3),
    Step::Hear(4),
    Step::Repair(2),
    Step::Repair(3),
    Step::FailedRepair,
    Step::Head(2),
    Step::Head(4),
];

fn event(offset: Offset) -> Event {
    let says = match offset % 2 {
        0 => Says::Void { of: Some(1) },
        _ => Says::Message { message: Message(7), time: offset * 10 },
    };
    Event { offset, says }
}

/// A room that is never put aside.
fn live(room: &mut Room<()>, names: &Names, step: Step) -> Vec<Event> {
    let mut effects = Vec::new();
    let wire = |offset| names.wire(event(offset));
    match step {
        Step::Hear(offset) => room.on_events(vec![Arc::new(wire(offset))], &mut effects),
        Step::Repair(to) => room.on_repair((1..=to).map(wire).collect(), &mut effects),
        Step::FailedRepair => room.on_repair(Vec::new(), &mut effects),
        Step::Head(head) => room.on_head(head, &mut effects),
    }
    let publications = effects.iter().filter_map(|effect| match effect {
        Effect::Deliver(publications) => Some(publications),
        _ => None,
    });
    publications.flatten().filter_map(read).collect()
}

fn kept(receiver: &mut Receiver, names: &Names, step: Step) -> Vec<Event> {
    match step {
        Step::Hear(offset) => receiver.on_events(names, &[event(offset)]),
        Step::Repair(to) => receiver.on_repair(names, &(1..=to).map(event).collect::<Vec<_>>()),
        Step::FailedRepair => receiver.on_repair(names, &[]),
        Step::Head(head) => {
            receiver.on_head(names, head);
            Vec::new()
        }
    }
}

#[test]
fn a_room_that_is_put_aside_between_steps_does_what_one_that_lives_on_does() {
    let names = Names::new().unwrap();
    const LENGTH: u32 = 5;
    for number in 0..STEPS.len().pow(LENGTH) {
        let steps = (0..LENGTH).map(|n| STEPS[number / STEPS.len().pow(n) % STEPS.len()]);
        let mut room = Room::new(names.epoch.clone(), Follows::Projections);
        room.on_start(RoomKind::General, 0, None, &mut Vec::new());
        let mut receiver = Receiver::start(&names, 0, 0);
        for step in steps.clone() {
            // Nothing that wasn't asked for is ever repaired.
            if matches!(step, Step::Repair(_) | Step::FailedRepair) && !receiver.repairing {
                continue;
            }
            let expected = live(&mut room, &names, step);
            let told = || format!("{:?} at {step:?}", steps.clone().collect::<Vec<_>>());
            assert_eq!(kept(&mut receiver, &names, step), expected, "{}", told());
            assert_eq!(
                (receiver.pos, !receiver.repairing),
                (room.pos(), room.is_quiet()),
                "{}",
                told()
            );
        }
    }
}
