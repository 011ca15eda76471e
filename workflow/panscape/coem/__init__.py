"""COEM: one embedding of cells from paired RNA and accessibility, by a variational autoencoder."""

from panscape.coem._embed import Embedding, embed
from panscape.coem._files import column, forget, read_sample, write_embedding
from panscape.coem._modality import Modality, choose_features, choose_likelihood, prepare_modality
from panscape.coem._module import Batch, Module
from panscape.coem._settings import CoemSettings

__all__ = [
    "Batch",
    "CoemSettings",
    "Embedding",
    "Modality",
    "Module",
    "choose_features",
    "choose_likelihood",
    "column",
    "embed",
    "forget",
    "prepare_modality",
    "read_sample",
    "write_embedding",
]
