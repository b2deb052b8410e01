#!/bin/sh
# Take out of the virtual environment $1 what serving never uses. tests/deployment shows that the
# service works without it; docs/deployment.md says what each cut saves.
set -eu
packages=$(echo "$1"/lib/python3*/site-packages)

# Keras and what only Keras needs: a SavedModel is run without it. TensorFlow imports Keras at its
# own start where it finds it. libclang is not used by anything.
pip --quiet --python "$1" uninstall --yes keras h5py libclang namex optree

# C++ headers for those who write operations of their own, and the packages' tests.
rm -r "$packages/tensorflow/include"
find "$packages" -type d -name tests -prune -exec rm -r {} +

# The symbol tables of TensorFlow's libraries, which only a debugger reads.
strip --strip-unneeded "$packages"/tensorflow/libtensorflow_*.so.2
