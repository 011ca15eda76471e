"""siVAE: a gene network for every cell line or donor, from interpretable variational autoencoders.

What is imported here needs no PyTorch; training and reading models load it when they are called.
"""
