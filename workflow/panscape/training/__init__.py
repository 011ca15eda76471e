"""Model training for siVAE, COEM and UniCoord: training loop, checkpoints, batches, device, likelihoods."""
