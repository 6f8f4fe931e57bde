# make demo               the whole chain on photographs that come with the packages
# make demo IMAGES=DIR    the same on your own folder
# make test               the whole test suite
# make pictures           the pictures of the docs, from the demo's output (needs chromium)
# make check              format, lint, types and import floors
# make site               the documentation site, in site/; a warning is an error

PYTHON ?= python3
VENV ?= .venv
READY := $(VENV)/.ready

.PHONY: demo pictures test check site clean

demo: $(READY)
	$(VENV)/bin/python examples/demo.py $(if $(IMAGES),"$(IMAGES)")

pictures: $(READY)
	test -f demo/report.html || $(MAKE) demo
	$(VENV)/bin/python examples/docs_pictures.py

# Two at a time, each with one thread: most tests wait for processes of their own.
test: $(READY)
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(READY)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

site: $(READY)
	DISABLE_MKDOCS_2_WARNING=true NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: curate needs Python 3.11 or newer"; echo "hint: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --editable ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) demo build dist site *.egg-info
