"""The models whose training can be tried with other settings."""

from training.trials.subject import Subject

NAMES = ("digits", "fashion", "cifar", "embedding")


def subject(name: str) -> Subject:
    """The model called `name`, with its data; imported late, since importing TensorFlow is slow.

    Raises:
        TrainingError: the data can't be fetched.
    """
    from training.cifar import PHOTOS
    from training.data import mnist
    from training.digits import DIGITS
    from training.fashion import CLOTHES
    from training.trials.autoencoder import AutoencoderTrials
    from training.trials.classifiers import ClassifierTrials

    if name == "embedding":
        return AutoencoderTrials(mnist.load())
    classifier = {each.name: each for each in (DIGITS, CLOTHES, PHOTOS)}[name]
    return ClassifierTrials(classifier, classifier.data.load())
