"""The configuration of a collection: one YAML file, checked against a closed schema.

``load`` validates and completes a configuration, ``check_yaml`` and ``check_inputs`` check the files it
names. ``python -m panscape.config`` writes the documentation from the schema;
``python -m panscape.config.check FILE`` checks a configuration without Snakemake.
"""
