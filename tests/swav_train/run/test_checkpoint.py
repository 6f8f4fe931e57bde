from swav_train.run.checkpoint import CheckpointParams, CheckpointTimer


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def test_a_checkpoint_is_due_when_the_last_one_is_old_enough():
    clock, saved = Clock(), []
    timer = CheckpointTimer(CheckpointParams(seconds=10.0), read_clock=clock)
    for clock.seconds in (5.0, 9.0, 11.0, 15.0, 22.0):
        timer.save_if_due(lambda: saved.append(clock.seconds))
    assert saved == [11.0, 22.0]


def test_saving_that_takes_long_is_done_less_often():
    clock, saved = Clock(), []
    timer = CheckpointTimer(CheckpointParams(seconds=10.0, share=0.05), read_clock=clock)

    def save():
        clock.seconds += 2.0
        saved.append(clock.seconds)

    clock.seconds = 10.0
    timer.save_if_due(save)
    clock.seconds = 12.0 + 39.0
    timer.save_if_due(save)
    assert saved == [12.0]
    clock.seconds = 12.0 + 40.0
    timer.save_if_due(save)
    assert saved == [12.0, 54.0]
