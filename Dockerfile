# panscape with all it needs, for machines without conda or without a network:
#   docker build -t panscape .
#   docker run --rm -v "$PWD":/data panscape --cores 8 --configfile config/mine.yaml
# The build takes PyTorch as PyPI has it, with CUDA's libraries. For the CPU alone, or for another CUDA, name the
# wheel index that pytorch.org gives for it: --build-arg TORCH_INDEX=<address>.
FROM python:3.11.7-slim-bookworm

ARG TORCH_INDEX=
# fa2 is compiled at installation
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/panscape
COPY envs/requirements.txt envs/requirements.txt
RUN if [ -n "$TORCH_INDEX" ]; then pip install --no-cache-dir --index-url "$TORCH_INDEX" "$(grep ^torch== envs/requirements.txt)"; fi && \
    pip install --no-cache-dir -r envs/requirements.txt
COPY . .
# results go to the folder that is mounted; numba and matplotlib want a place to write to
ENV NUMBA_CACHE_DIR=/tmp/numba MPLCONFIGDIR=/tmp/matplotlib XDG_CACHE_HOME=/tmp/cache
WORKDIR /data
ENTRYPOINT ["snakemake", "--snakefile", "/opt/panscape/Snakefile"]
