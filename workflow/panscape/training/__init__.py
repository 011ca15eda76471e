"""What siVAE, COEM and UniCoord share: training loop, checkpoints, seeds, batches, device, likelihoods."""
