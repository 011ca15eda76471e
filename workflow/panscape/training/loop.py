"""Training loop with validation, logging, checkpoints, and a clean exit on SIGTERM."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from panscape import seeds
from panscape.log import Progress, logger
from panscape.training.checkpoint import Checkpoint
from panscape.training.device import fast_products

TERMINATED = 143  # exit status of a process ended by SIGTERM


class Task(Protocol):
    """Interface of a model to be trained by :func:`fit`; `device` is where it is trained."""

    device: torch.device

    def step(self, number: int) -> Mapping[str, Tensor]:
        """Perform optimisation step `number` (from 0) and return its loss terms, each a scalar or (M,)."""

    def validate(self, number: int) -> Mapping[str, Tensor]:
        """Return the held-out loss terms after `number` steps."""

    def stop(self) -> bool:
        """Return whether to stop early; called after every validation."""

    def state(self) -> dict[str, Tensor]:
        """Return the complete state of training."""

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore a state that :meth:`state` returned."""


@dataclass(frozen=True)
class Plan:
    """Length of training, and intervals of validation, recording and checkpoints.

    Parameters
    ----------
    steps
        Maximum number of optimisation steps.
    validate_every
        Steps between validations; 0 for a single one after the last step, which always takes place.
    record_every
        Steps between records of the training loss terms.
    checkpoint_seconds
        Seconds between checkpoints.
    """

    steps: int
    validate_every: int = 0
    record_every: int = 10
    checkpoint_seconds: float = 60.0


def fit(
    task: Task, plan: Plan, *, seed: int, checkpoint: Checkpoint | None = None, what: str = "steps"
) -> list[dict[str, Any]]:
    """Train a task to the end of its plan, resuming from its checkpoint if there is one.

    Before each step and validation PyTorch's generator of the CPU, from which all noise is drawn (see
    :class:`panscape.training.noise.Draws`), is seeded by (seed, number), so that a resumed run equals the
    uninterrupted one, bit for bit on the CPU.

    Parameters
    ----------
    task
        Model, data and optimiser behind the :class:`Task` protocol.
    plan
        Steps and intervals.
    seed
        Seed of this training run, derived from that of the collection.
    checkpoint
        Checkpoint, saved at intervals and on SIGTERM.
    what
        Unit in progress messages.

    Returns
    -------
    Table with columns step, split (``"train"`` or ``"heldout"``), term, model (index in the stack, else 0),
    value.

    Raises
    ------
    SystemExit
        With status 143 after SIGTERM, once the state is saved.
    FloatingPointError
        If no model has a finite loss.
    """
    number, history = 0, []
    saved = checkpoint.load() if checkpoint else None
    if saved:
        task.load_state(saved[0])
        number, history = saved[1]["number"], saved[1]["history"]
        logger.info("resuming from the checkpoint at %s %d of %d", what, number, plan.steps)
    finished = saved is not None and (saved[1]["finished"] or number >= plan.steps)
    progress = Progress(what, plan.steps - number)
    last = time.monotonic()

    def save(finished: bool) -> None:
        if checkpoint:
            checkpoint.save(task.state(), {"number": number, "history": history, "finished": finished})

    with _sigterm() as terminated:
        while not finished:
            with fast_products(task.device):
                terms = _seeded(task.step, seed, number)
            number += 1
            if number % plan.record_every == 0 or number == plan.steps:
                _record(history, number, "train", terms)
            if number == plan.steps or (plan.validate_every and number % plan.validate_every == 0):
                terms = _seeded(task.validate, seed, number)
                _record(history, number, "heldout", terms)
                finished = number == plan.steps or task.stop()
            progress.add()
            if finished or terminated.is_set() or time.monotonic() - last > plan.checkpoint_seconds:
                save(finished)
                last = time.monotonic()
            if terminated.is_set() and not finished:
                logger.warning("stopped by SIGTERM at %s %d of %d", what, number, plan.steps)
                raise SystemExit(TERMINATED)
    return history


def _seeded(function: Any, seed: int, number: int) -> Mapping[str, Tensor]:
    # `torch.manual_seed` also queues a call, with a printed stack, for every kind of device that the process
    # has not used: a millisecond and a growing list for generators from which nothing is drawn
    torch.default_generator.manual_seed(seeds.derive(seed, function.__name__, number))
    return function(number)


def _record(history: list[dict[str, Any]], number: int, split: str, terms: Mapping[str, Tensor]) -> None:
    tensors = {term: torch.as_tensor(values).detach().float().reshape(-1) for term, values in terms.items()}
    # in one copy: each waits for all that a GPU has still to do
    copied = torch.cat(list(tensors.values())).cpu() if tensors else torch.empty(0)
    parts = copied.split([len(values) for values in tensors.values()])
    for term, values in zip(tensors, parts, strict=True):
        if not values.isfinite().any():
            raise FloatingPointError(f"the {split} loss term {term} is not finite at step {number}")
        history.extend(
            {"step": number, "split": split, "term": term, "model": model, "value": value}
            for model, value in enumerate(values.tolist())
        )


@contextlib.contextmanager
def _sigterm() -> Iterator[threading.Event]:
    """Turn SIGTERM into an event within the block, if in the main thread, which alone can catch signals."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.signal(signal.SIGTERM, lambda *_: event.set())
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)
