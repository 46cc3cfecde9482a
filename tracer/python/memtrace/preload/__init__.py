"""The folder that `memtrace record` with `--torch` or `--stacks python` puts in front of PYTHONPATH: Python imports the `sitecustomize` in it at start."""
