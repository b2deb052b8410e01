"""`python -m training`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no notes from TensorFlow at its start

from training.cli import main

main(prog_name="python -m training")
