#!/bin/sh
# Remove what serving never uses from the virtual environment $1. tests/deployment shows that the
# service works without it; docs/deployment.md says what each cut saves.
set -eu
packages=$(echo "$1"/lib/python3*/site-packages)

# Keras and what only Keras needs: a SavedModel runs without it, but TensorFlow imports it at its
# start if it is there. Nothing uses libclang.
pip --quiet --python "$1" uninstall --yes keras h5py libclang namex optree

# C++ headers for custom operations, and the packages' tests.
rm -r "$packages/tensorflow/include"
find "$packages" -type d -name tests -prune -exec rm -r {} +

# The symbol tables of TensorFlow's libraries, which only a debugger reads.
strip --strip-unneeded "$packages"/tensorflow/libtensorflow_*.so.2
