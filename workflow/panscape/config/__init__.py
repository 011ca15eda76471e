"""The configuration of a collection: one YAML file, checked against a closed schema.

``load`` completes what the user wrote, ``check_yaml`` and ``check_inputs`` look at the files behind it.
``python -m panscape.config`` writes the documentation from the schema.
"""
