"""Work in the background, in processes that can be killed.

``multiprocessing`` cannot serve: spawn runs an unguarded script again, fork hangs once a library has used threads, and
a pool dies whole with one crash. So a job is a process of its own, started with ``subprocess``, that is asked and
answers in JSON lines; and a model has one long-lived process that answers for single samples.
"""

from nnlens.jobs.job import Job, Task
from nnlens.jobs.manager import JobManager, shared_manager

__all__ = ["Job", "JobManager", "Task", "shared_manager"]
