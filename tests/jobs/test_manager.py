"""Jobs that go well: shared, queued, watched, and started at once."""

from __future__ import annotations

import threading
import time

import pytest

from nnlens.errors import JobCancelledError, JobError
from nnlens.jobs import Job, JobManager
from nnlens.testing import wait_until


def test_two_who_ask_the_same_share_one_job_which_ends_when_the_last_leaves(manager, task, tmp_path):
    first = manager.submit(task("hang", started=str(tmp_path / "started")))
    second = manager.submit(task("hang", started=str(tmp_path / "started")))
    assert first is second
    wait_until((tmp_path / "started").exists, 30)
    first.release()
    assert first.state == "running"
    second.release()
    assert first.state == "cancelled"
    again = manager.submit(task("hang", started=str(tmp_path / "started")))
    assert again is not first


def test_a_third_job_waits_for_one_of_two(manager, task, tmp_path):
    gates = [tmp_path / str(number) for number in range(3)]
    jobs = [manager.submit(task("steps", gate.name, steps=1, gate=str(gate))) for gate in gates]
    wait_until(lambda: [job.state for job in jobs[:2]] == ["running", "running"] and jobs[0].message, 30)
    assert jobs[2].state == "waiting"
    assert jobs[2].elapsed == 0
    gates[0].touch()
    wait_until(lambda: jobs[2].state == "running", 30)
    for gate in gates:
        gate.touch()
    assert [job.result(30) for job in jobs] == [{"value": 0}] * 3


def test_short_jobs_do_not_wait_for_long_ones(task, tmp_path):
    manager = JobManager(limit=1)
    try:
        gates = {name: tmp_path / name for name in ("long", "longer", "unknown", "short")}
        estimates = {"long": 60, "longer": 600, "unknown": None, "short": 1}
        jobs = {
            name: manager.submit(task("steps", name, steps=1, gate=str(gate), estimate=estimates[name]))
            for name, gate in gates.items()
        }
        wait_until(lambda: jobs["long"].state == jobs["short"].state == "running", 30)
        second = manager.submit(task("echo", "second short", estimate=2))
        assert [jobs[name].state for name in ("longer", "unknown")] == ["waiting"] * 2
        assert second.state == "waiting", "only one more than the limit"
        gates["short"].touch()
        assert second.result(30) == {}
        gates["long"].touch()
        wait_until(lambda: jobs["longer"].state == "running", 30)
        assert jobs["unknown"].state == "waiting", "what nobody knows counts as longest"
        for gate in gates.values():
            gate.touch()
        assert [job.result(30) for job in jobs.values()] == [{"value": 0}] * 4
    finally:
        manager.close()


def test_a_waiting_job_can_be_cancelled(task, tmp_path):
    manager = JobManager(limit=1)
    try:
        gate = tmp_path / "gate"
        first = manager.submit(task("steps", "first", steps=1, gate=str(gate)))
        second = manager.submit(task("echo", "second"))
        third = manager.submit(task("echo", "third", value=3))
        second.cancel()
        gate.touch()
        assert third.result(30) == {"value": 3}
        assert first.state == "done"
        with pytest.raises(JobCancelledError):
            second.result()
    finally:
        manager.close()


def test_watchers_see_every_state_and_growing_progress(manager, task):
    seen = []
    job = manager.submit(task("steps", steps=5))
    job.watch(lambda job: seen.append((job.state, job.done, job.message)))
    job.result(30)
    wait_until(lambda: seen[-1][0] == "done")
    done = [entry[1] for entry in seen]
    assert done == sorted(done)
    assert seen[-1] == ("done", 4.0, "step 4")
    assert job.total == 10


def test_a_watcher_that_raises_disturbs_nobody(manager, task):
    ended = threading.Event()
    job = manager.submit(task("steps", steps=2))
    job.watch(lambda job: 1 / 0)
    job.watch(lambda job: ended.set() if job.ended else None)
    assert job.result(30) == {"value": 0}
    assert ended.wait(5)


def test_who_watches_no_more_is_told_no_more(manager, task, tmp_path):
    seen = []
    gate = tmp_path / "gate"
    job = manager.submit(task("steps", steps=1, gate=str(gate)))
    unwatch = job.watch(seen.append)
    wait_until(lambda: job.message, 30)
    unwatch()
    count = len(seen)
    gate.touch()
    job.result(30)
    assert len(seen) == count


def test_who_comes_late_is_told_at_once():
    seen = []
    Job.finished("key", "title", 5).watch(lambda job: seen.append(job.result()))
    assert seen == [5]


def test_pictures_come_whole_and_at_most_twice_a_second(manager, task):
    pictures = []
    job = manager.submit(task("draw"))
    started = time.monotonic()
    job.watch(lambda job: pictures.append(job.partial))
    wait_until(lambda: len({id(picture) for picture in pictures if picture is not None}) >= 3, 30)
    seconds = time.monotonic() - started
    job.stop()
    shown = job.result(30)["shown"]
    distinct = {id(picture) for picture in pictures if picture is not None}
    assert len(distinct) <= 2 * seconds + 2 < shown
    assert job.partial["projection"].dims == ("sample", "component")
    assert job.partial["sample"].dtype == "int64"
    assert job.partial.attrs["caption"] == "partial"


def test_waiting_for_a_result_has_an_end(manager, task, tmp_path):
    job = manager.submit(task("hang", started=str(tmp_path / "started")))
    with pytest.raises(JobError, match="not finished"):
        job.result(timeout=0.01)


def test_a_spare_worker_starts_a_job_at_once(manager, task):
    manager.warm()
    spare = manager._spare._worker
    next(message for message in spare.messages(1) if message)  # it says that it is ready
    job = manager.submit(task("pid"))
    assert job.result(30)["pid"] == spare.pid


def test_a_dead_spare_is_not_used(manager, task):
    manager.warm()
    spare = manager._spare._worker
    spare.kill()
    wait_until(lambda: not spare.alive)
    assert manager.submit(task("pid")).result(30)["pid"] != spare.pid


def test_a_cancelled_job_is_over_once_and_for_all():
    job = Job("key", "title")
    job.cancel()
    assert not job.end("done", 1)
    assert not job.begin(lambda: None)
    assert not job.join()
    job.move(1, 2, "late")
    assert (job.state, job.done) == ("cancelled", 0)


def test_what_a_finish_raises_is_the_jobs_failure(manager, task):
    from dataclasses import replace

    def finish(payload):
        raise OSError("the disk is full")

    job = manager.submit(replace(task("echo"), finish=finish))
    with pytest.raises(JobError, match="OSError"):
        job.result(30)


def test_many_threads_submit_wait_and_leave(manager, task):
    results = []

    def ask(number):
        job = manager.submit(task("echo", f"key {number % 3}", value=number % 3))
        results.append(job.result(60))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert sorted(result["value"] for result in results) == sorted(number % 3 for number in range(12))
    wait_until(lambda: not manager.jobs)
