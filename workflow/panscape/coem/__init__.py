"""COEM: one embedding of cells from paired RNA and accessibility, by a variational autoencoder."""
