"""The configuration of a collection: one YAML file, checked against a closed schema.

``load`` completes what the user wrote, ``check_yaml`` and ``check_inputs`` look at the files behind it.
``python -m panscape.config`` writes the documentation from the schema.
"""

from panscape.config._container import check_container
from panscape.config._document import document, reference
from panscape.config._inputs import check_inputs
from panscape.config._load import load
from panscape.config._root import root_studies
from panscape.config._yaml import check_yaml

__all__ = ["check_container", "check_inputs", "check_yaml", "document", "load", "reference", "root_studies"]
