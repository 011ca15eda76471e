# panscape: `make demo` and `make test` do their own set-up in .venv (Python >= 3.11).
PYTHON ?= python3
CORES ?= 2
VENV := .venv
BIN := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)

.PHONY: help demo example example-worm test bench test-newest test-fuzz test-kernels test-real test-slurm test-conda coverage lint \
  format generated docs check why init verify digests clean

help: ## say what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/demo.stamp ## simulate the demo collection and analyse it to the report
	$(BIN)/snakemake --profile profiles/demo --cores $(CORES)
	@echo "Open results/demo/report.html"

example: $(VENV)/demo.stamp ## fetch real cells (islets of people and mice, 16 MB from PyPI) and analyse them to the report
	@mkdir -p resources/islets
	ls resources/islets/came-*.whl >/dev/null 2>&1 || $(BIN)/python -m pip download --quiet --no-deps --only-binary :all: \
	  --require-hashes --requirement examples/requirements.txt --dest resources/islets
	$(BIN)/python examples/unpack_islets.py resources/islets
	$(BIN)/snakemake --quiet reason --configfile examples/islets.yaml --cores $(CORES)
	@echo "Open results/islets/report.html"

example-worm: $(VENV)/demo.stamp ## analyse neurons of the worm embryo, whose file is in the folder named by PANSCAPE_DATA, to the report
	@test -f "$(PANSCAPE_DATA)/neuro_worm_embryo_packer2019.h5ad" || { echo "PANSCAPE_DATA must name the folder with" \
	  "neuro_worm_embryo_packer2019.h5ad (examples/worm.yaml says what is in it)"; exit 1; }
	$(BIN)/snakemake --quiet reason --configfile examples/worm.yaml --cores $(CORES)
	@echo "Open results/worm/report.html"

# whole runs first: they are the longest pieces, and a file of tests stays in one process
test: $(VENV)/dev.stamp ## run the tests, in as many processes as CORES
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(CORES) --dist loadfile --no-loadscope-reorder \
	  tests/workflow tests/fuzz tests/preflight tests

# what reads files, and quality control in whole runs; only these packages differ from envs/requirements.txt
NEWEST := anndata pandas mudata zarr h5py
NEWEST_TESTS := tests/unit/io tests/unit/config tests/unit/preprocess tests/workflow/test_input.py tests/workflow/test_species.py
test-newest: ## read files with the newest anndata and pandas, in .venv-newest (newest with Python 3.12 or newer)
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check -r envs/requirements-dev.txt
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade $(NEWEST)
	.venv-newest/bin/python -m pip list --disable-pip-version-check | grep -E "^($(subst $() ,|,$(NEWEST))) "
	PATH="$(abspath .venv-newest/bin):$$PATH" OMP_NUM_THREADS=1 .venv-newest/bin/python -m pytest $(NEWEST_TESTS)

MUTANTS ?= 5000
SEED ?= 1
test-fuzz: $(VENV)/dev.stamp ## damage thousands of files and configurations (MUTANTS, SEED) and results of a run: about 25 minutes
	PANSCAPE_FUZZ=$(MUTANTS) PANSCAPE_FUZZ_SEED=$(SEED) OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/fuzz

test-kernels: $(VENV)/dev.stamp ## run the numerical unit tests once more, as on two other kinds of processor
	$(BIN)/python tests/kernels.py

test-real: $(VENV)/dev.stamp ## run the collections of real data in the folder named by PANSCAPE_DATA
	@test -n "$(PANSCAPE_DATA)" || { echo "PANSCAPE_DATA must name the folder of real data (tests/real/README.md)"; exit 1; }
	$(BIN)/python -m pytest -m real tests/real

test-slurm: $(VENV)/dev.stamp ## run the workflow on a throw-away SLURM cluster and let jobs, nodes and the command die
	sh tests/slurm/packages.sh
	PANSCAPE_SLURM=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/slurm

test-conda: $(VENV)/dev.stamp ## run the workflow with an environment per rule, made by a stand-in for conda
	PANSCAPE_CONDA=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/conda

CELLS ?= 1000
bench: $(VENV)/dev.stamp ## print the table of speed: against the last tag and peers, and slopes (CELLS: smallest size)
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements-peers.txt
	$(BIN)/python benchmarks/suite.py --cells $(CELLS) --peers .venv-peers/bin/python

coverage: $(VENV)/dev.stamp ## run the unit tests and print which share of the library's lines and branches they reach
	OMP_NUM_THREADS=1 $(BIN)/python -m coverage run -m pytest -q tests/unit
	$(BIN)/python -m coverage report

lint: $(VENV)/dev.stamp ## ruff, snakefmt, mypy, snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

format: $(VENV)/dev.stamp ## let ruff and snakefmt format the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

generated: $(VENV)/demo.stamp ## write config/ and docs/deviations.md anew from the schema, docs/references.md and CITATION.cff from the bibliography
	PYTHONPATH=workflow $(BIN)/python -m panscape.config
	PYTHONPATH=workflow $(BIN)/python -m panscape.report

docs: generated $(VENV)/docs.stamp ## build the documentation in docs/_build/html; every warning and every dead internal link is an error
	$(BIN)/python -m sphinx -W --keep-going -n -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

NAME ?= my-collection
init: $(VENV)/demo.stamp ## propose config/NAME.yaml for FILES="data/a.h5ad data/b ..." (one study each)
	@test -n "$(FILES)" || { echo 'Name files: make init NAME=lab FILES="data/a.h5ad data/b.h5ad"'; exit 1; }
	@PYTHONPATH=workflow $(BIN)/python -m panscape.config.init $(FILES) --collection $(NAME) --output config/$(NAME).yaml

CONFIG ?= config/demo.yaml
check: $(VENV)/demo.stamp ## check the configuration CONFIG and its files without Snakemake, and without executing anything in it
	@PYTHONPATH=workflow $(BIN)/python -m panscape.config.check $(CONFIG)

why: $(VENV)/demo.stamp ## say what an edit of FILE would make anew of the results here (CONFIG: the collection)
	@test -n "$(FILE)" || { echo "Name a file: make why FILE=workflow/panscape/plot/palette.py"; exit 1; }
	@PYTHONPATH=workflow $(BIN)/python -m panscape.pipeline.preflight --why $(FILE) --configfile $(CONFIG)

RESULTS ?= results/demo
verify: $(VENV)/demo.stamp ## check the files in RESULTS against their records (AGAINST: another run, TABLE: published digests)
	@PYTHONPATH=workflow $(BIN)/python -m panscape.pipeline.verify $(RESULTS) \
		$(if $(AGAINST),--against $(AGAINST)) $(if $(TABLE),--table $(TABLE))

digests: demo ## run the demo and write the digests of its results to docs/demo.sha256
	@PYTHONPATH=workflow $(BIN)/python -m panscape.pipeline.verify results/demo --write-table docs/demo.sha256

clean: ## remove the demo's results and the environment
	rm -rf $(VENV) .venv-newest .venv-peers results/demo resources/demo logs/demo benchmarks/demo

# a stamp per set of requirements: 227 MB of wheels for the demo, 24 MB more for the tests, 38 MB for the documentation
$(VENV)/demo.stamp: envs/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "panscape needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements.txt
	touch $@

$(VENV)/dev.stamp: envs/requirements-dev.txt $(VENV)/demo.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements-dev.txt
	touch $@

$(VENV)/docs.stamp: envs/requirements-docs.txt $(VENV)/demo.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/requirements-docs.txt
	touch $@
