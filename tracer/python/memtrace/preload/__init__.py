"""The folder that `memtrace record --torch` puts in front of PYTHONPATH: Python imports the `sitecustomize` in it at start."""
