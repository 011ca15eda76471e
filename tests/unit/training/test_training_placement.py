"""Batches made ahead of time, and where the cells of a training are kept."""

import threading
from dataclasses import dataclass

import pytest
import torch

from panscape.training import placement as placements
from panscape.training.placement import Ahead, placement, source, tensors

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


@dataclass(frozen=True)
class Pair:
    one: torch.Tensor
    rest: list


def test_cells_are_on_the_gpu_if_they_take_a_quarter_of_what_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (4000, 10_000))
    assert placement(1000, CUDA) == "device" and placement(1001, CUDA) == "ahead"
    assert placement(1, CPU) == placement(1 << 40, CPU) == "host"


@pytest.mark.parametrize("where", ["host", "ahead", "device"])
def test_batches_are_those_of_their_steps_in_any_order(where):
    batches = source(lambda number: torch.full((3,), number), where, CPU)
    assert isinstance(batches, Ahead) == (where == "ahead")
    for number in (0, 1, 2, 7, 8, 3, 4):  # a resumed training starts anywhere
        assert batches.at(number).tolist() == [number] * 3
    batches.close()


def test_the_next_batch_is_made_by_another_thread_while_one_is_used():
    made, threads = threading.Event(), set()

    def make(number):
        threads.add(threading.get_ident())
        if number == 1:
            made.set()
        return number

    batches = Ahead(make, CPU)
    assert batches.at(0) == 0
    assert made.wait(10)  # without being asked for
    batches.close()
    assert threads.isdisjoint({threading.get_ident()}) and len(threads) == 1


def test_an_error_of_a_batch_is_raised_at_its_step():
    def make(number):
        if number == 2:
            raise ValueError("batch 2")
        return number

    batches = Ahead(make, CPU)
    assert [batches.at(number) for number in (0, 1)] == [0, 1]
    with pytest.raises(ValueError, match="batch 2"):
        batches.at(2)
    batches.close()


class Gpu:
    """Streams and events that note the order of what is asked of them, in place of a GPU's."""

    def __init__(self):
        self.told = []

    def stream(self, stream):
        gpu = self

        class Within:
            def __enter__(self):
                gpu.told.append("into the stream of copies")

            def __exit__(self, *_):
                gpu.told.append("out of it")

        return Within()

    def record_event(self):
        self.told.append("event")
        return "event"

    def wait_event(self, event):
        self.told.append(f"steps wait for the {event}")


def test_steps_on_a_gpu_wait_for_the_copy_of_their_batch_and_keep_its_memory(monkeypatch):
    gpu, kept = Gpu(), []
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: gpu)
    monkeypatch.setattr(torch.cuda, "stream", gpu.stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: gpu)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: kept.append(tensor.item()))
    batches = placements.Ahead(lambda number: Pair(torch.tensor(number), [torch.tensor(-number)]), CUDA)
    batches.at(5)
    batches.close()
    assert gpu.told[:3] == ["into the stream of copies", "event", "out of it"]
    assert "steps wait for the event" in gpu.told and kept == [5, -5]


def test_tensors_of_a_batch_are_found_at_any_depth():
    batch = Pair(torch.ones(1), [None, 2, (torch.ones(2), Pair(torch.ones(3), []))])
    assert [len(tensor) for tensor in tensors(batch)] == [1, 2, 3]
