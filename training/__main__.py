"""`python -m training`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's notes at start-up

from training.cli import main

main(prog_name="python -m training")
