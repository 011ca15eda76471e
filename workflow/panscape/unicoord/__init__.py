"""Learnable coordinates that annotate, compare and generate cells."""

from panscape.unicoord._cells import Cells
from panscape.unicoord._labels import LabelInfo, Layout, learn_labels
from panscape.unicoord._leave_out import restore_group, restore_groups
from panscape.unicoord._model import UniCoord
from panscape.unicoord._network import network_change
from panscape.unicoord._reconfigure import reconfigured_code
from panscape.unicoord._score import score_model
from panscape.unicoord._settings import Hierarchy, Label, UniCoordSettings, Weights
from panscape.unicoord._stage import (
    active_coordinates,
    configured_labels,
    open_cells,
    pick_cells,
    write_coordinates,
    write_predictions,
    write_scenario,
)
from panscape.unicoord._targets import targets
from panscape.unicoord._train import Trained, split_cells, train

__all__ = [
    "Cells",
    "Hierarchy",
    "Label",
    "LabelInfo",
    "Layout",
    "Trained",
    "UniCoord",
    "UniCoordSettings",
    "Weights",
    "active_coordinates",
    "configured_labels",
    "learn_labels",
    "network_change",
    "open_cells",
    "pick_cells",
    "reconfigured_code",
    "restore_group",
    "restore_groups",
    "score_model",
    "split_cells",
    "targets",
    "train",
    "write_coordinates",
    "write_predictions",
    "write_scenario",
]
