"""Learn the joint embedding of a multi-omic sample."""

from panscape import adapter, coem, training

adapter.begin(snakemake)

params, settings = snakemake.params, snakemake.params.settings
training.prepare(snakemake.threads)
obs, rna, atac = coem.read_sample(snakemake.input.sample)
embedding = coem.embed(
    rna,
    atac,
    batch=coem.column(obs, settings["batch"], "coem.batch"),
    labels=coem.column(obs, settings["condition_on"], "coem.condition_on"),
    settings=settings,
    seed=params.seed,
    device=training.choose_device(snakemake.resources.get("gpu", 0)),
    checkpoint=params.checkpoint,
)
coem.write_embedding(embedding, obs, snakemake.output.embedding, settings)
coem.forget(params.checkpoint)
