"""Learn the joint embedding of a multi-omic sample."""

from panscape.coem.batches import batch_column, log_batches
from panscape.coem.embed import embed
from panscape.coem.files import column, forget, read_sample, write_embedding
from panscape.pipeline import job
from panscape.training.device import choose_device, prepare

job.begin(snakemake)

params, settings = snakemake.params, snakemake.params.settings
prepare()
obs, rna, atac = read_sample(snakemake.input.sample)
batch = batch_column(obs, settings["batch_key"])
codes = column(obs, batch, "coem.batch_key")
log_batches(obs, settings["batch_key"], batch)
embedding = embed(
    rna,
    atac,
    batch=codes,
    labels=column(obs, settings["condition_on"], "coem.condition_on"),
    settings=settings,
    seed=params.seed,
    device=choose_device(snakemake.resources.get("gpu", 0)),
    checkpoint=params.checkpoint,
)
write_embedding(embedding, obs, snakemake.output.embedding, {**settings, "batch_key": batch})
forget(params.checkpoint)
