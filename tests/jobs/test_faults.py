"""Jobs that go wrong in every way: each ends as a JobError in words, and the manager lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from nnlens.errors import JobCancelledError, JobError
from nnlens.jobs import JobManager, attending
from nnlens.testing import wait_until

WORK = Path(__file__).parent / "work"


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def lives_on(manager: JobManager, task) -> bool:
    return manager.submit(task("echo", value=7)).result(30) == {"value": 7}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("abort", "crashed: it aborted itself (SIGABRT)"),
        ("fault", "crashed: a memory fault (SIGSEGV)"),
        ("vanish", "exit code 0 and without a result"),
        ("quit_politely", "sys.exit(3)"),
        ("fail", "ValueError: the matrix is singular in"),
        ("fail_strangely", "BaseException: not even an Exception"),
        ("no_such_function", "AttributeError"),
    ],
)
def test_a_job_that_fails_says_how_and_the_manager_lives_on(manager, task, function, words):
    job = manager.submit(task(function))
    with pytest.raises(JobError) as caught:
        job.result(30)
    assert words in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "/home/" not in str(caught.value)
    assert job.state == "failed"
    assert lives_on(manager, task)
    assert not manager.jobs


def test_what_libraries_print_neither_disturbs_nor_blocks(manager, task):
    assert manager.submit(task("chatter")).result(60) == {"value": 1}


def test_a_job_that_hangs_ends_at_its_deadline(manager, task):
    job = manager.submit(task("hang", deadline=0.5))
    with pytest.raises(JobError, match=r"not finished after 0\.5 s"):
        job.result(30)
    assert lives_on(manager, task)


@pytest.mark.parametrize("function", ["eat", "eat_in_a_child"])
def test_a_job_that_eats_memory_is_ended_before_the_machine_suffers(task, function):
    manager = JobManager(memory_limit=400_000_000)
    try:
        job = manager.submit(task(function))
        with pytest.raises(JobError, match=r"took 0\.\d+ GB of memory, and a job may take 0\.4 GB"):
            job.result(60)
        assert lives_on(manager, task)
    finally:
        manager.close()


def test_cancel_ends_the_process_and_its_children(manager, task, tmp_path):
    started = tmp_path / "started"
    job = manager.submit(task("have_children", started=str(started)))
    pids = [int(pid) for pid in wait_until(lambda: started.exists() and started.read_text().split(), 30)]
    assert len(pids) == 2
    job.cancel()
    assert job.state == "cancelled"
    with pytest.raises(JobCancelledError):
        job.result()
    wait_until(lambda: all(gone(pid) for pid in pids), 30)
    assert lives_on(manager, task)


def test_closing_the_manager_leaves_no_process(task, tmp_path):
    others = set(psutil.Process().children())  # a browser that other tests have started
    manager = JobManager()
    manager.warm()
    started = tmp_path / "started"
    job = manager.submit(task("have_children", started=str(started)))
    wait_until(started.exists, 30)
    asked = manager.ask("model", task("hang", started=str(tmp_path / "asked")))
    wait_until((tmp_path / "asked").exists, 30)
    manager.close()
    assert job.state == asked.state == "cancelled"
    wait_until(lambda: not set(psutil.Process().children()) - others, 30, "the end of all children")
    with pytest.raises(JobError, match="closed"):
        manager.submit(task("echo"))


@pytest.mark.parametrize("function", ["have_children", "hang_in_native_code"])
def test_killing_the_parent_leaves_no_child(function, tmp_path):
    started = tmp_path / "started"
    script = textwrap.dedent(f"""
        import sys, threading
        sys.path.insert(0, {str(WORK)!r})
        from nnlens.jobs import JobManager, Task
        manager = JobManager()
        manager.warm()
        manager.submit(Task("key", "title", "misbehaving:{function}", {{"started": {str(started)!r}}}))
        manager.ask("model", Task("other", "title", "misbehaving:hang", {{"started": {str(started)!r} + "2"}}))
        threading.Event().wait()
    """)
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        wait_until(lambda: started.exists() and started.read_text() and Path(f"{started}2").exists(), 60)
        # the job, the model's worker, and the spare that replaces the one that was taken
        family = wait_until(
            lambda: len(found := psutil.Process(parent.pid).children(recursive=True)) >= 3 and found, 30
        )
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    wait_until(lambda: all(gone(process.pid) for process in family), 30, "the end of all children")


def test_a_stop_returns_the_best_so_far(manager, task):
    job = manager.submit(task("draw"))
    wait_until(lambda: job.partial is not None, 30)
    job.stop()
    assert job.result(30)["stopped"] is True
    assert job.state == "stopped"


def test_a_task_that_does_not_listen_is_ended_and_its_last_picture_kept(manager, task, monkeypatch):
    monkeypatch.setattr(attending, "STOP_GRACE", 0.2)
    job = manager.submit(
        task("draw_and_do_not_listen", keep=lambda picture: float(picture["projection"][0, 0]))
    )
    wait_until(lambda: job.partial is not None, 30)
    job.stop()
    assert job.result(30) == 1.0
    assert job.state == "stopped"
    assert lives_on(manager, task)


def test_a_stop_before_the_start_is_a_cancel(task, tmp_path):
    manager = JobManager(limit=1)
    try:
        first = manager.submit(task("hang", started=str(tmp_path / "started")))
        second = manager.submit(task("echo"))
        second.stop()
        assert second.state == "cancelled"
        first.cancel()
    finally:
        manager.close()


def test_a_job_starts_no_jobs(manager, task, monkeypatch):
    monkeypatch.setenv("NNLENS_WORKER", "1")
    with pytest.raises(JobError, match="inside a job"):
        manager.submit(task("echo"))


def test_the_end_of_stdin_alone_ends_a_worker(manager, task, tmp_path):
    """Where the system has no signal for a closed pipe, the thread that listens must do."""
    started = tmp_path / "started"
    manager.submit(task("have_children", started=str(started)))
    pids = [int(pid) for pid in wait_until(lambda: started.exists() and started.read_text().split(), 30)]
    (worker,) = manager._workers
    worker._process.stdin.close()
    wait_until(lambda: all(gone(pid) for pid in pids), 30)


def test_folders_of_a_killed_parent_are_swept(monkeypatch, tmp_path):
    from nnlens.jobs import process

    monkeypatch.setattr(process.tempfile, "gettempdir", lambda: str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f"nnlens-job-{ended.pid}-abc", f"nnlens-job-{os.getpid()}-abc", "nnlens-job-other-abc"):
        (tmp_path / name).mkdir()
    process.sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"nnlens-job-{os.getpid()}-abc",
        "nnlens-job-other-abc",
    ]


@pytest.mark.parametrize(
    ("text", "size"), [("8GB", 8e9), ("500 MB", 5e8), ("1.5G", 1.5e9), ("2000", 2000), ("64kB", 64e3)]
)
def test_the_environment_says_what_a_job_may_take(monkeypatch, text, size):
    monkeypatch.setenv("NNLENS_JOB_MEMORY", text)
    assert JobManager().memory_limit == size


def test_without_a_word_a_job_may_take_half_of_the_machine(monkeypatch):
    monkeypatch.delenv("NNLENS_JOB_MEMORY", raising=False)
    assert 0 < JobManager().memory_limit <= psutil.virtual_memory().total / 2
    monkeypatch.setenv("NNLENS_JOB_MEMORY", "a lot")
    with pytest.raises(JobError, match="is no size"):
        JobManager()
