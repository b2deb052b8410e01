import pytest

from training.data import imdb
from training.errors import DownloadError


def rows(films: int = 40, reviews: int = 30) -> list[dict[str, str]]:
    """Reviews in the file's order: by label, then by film, then sentences from elsewhere."""
    labelled = [
        {"text": f"film {label}-{film} review {number}", "label": label, "source": "imdb"}
        for label in "01"
        for film in range(films)
        for number in range(reviews)
    ]
    elsewhere = [
        {"text": f"sentence {number}", "label": str(number % 2), "source": "rotten_tomatoes"}
        for number in range(10)
    ]
    return labelled + elsewhere


def films(reviews: imdb.Reviews) -> set[str]:
    return {text.split(" review ")[0] for text in reviews.texts}


@pytest.mark.parametrize("reviews", [7, 13, 30])
def test_no_film_is_in_two_parts(reviews: int) -> None:
    data = imdb.split(rows(films=3000 // reviews, reviews=reviews))
    parts = [films(part) for part in (data.train, data.validation, data.test)]
    assert all(parts)
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_the_test_part_is_the_last_fifth_of_each_class() -> None:
    data = imdb.split(rows())
    assert len(data.test) == 2 * 40 * 30 // 5
    assert data.test.labels.mean() == 0.5
    assert data.test.texts[0] == "film 0-32 review 0"
    assert data.test.texts[-1] == "film 1-39 review 29"


def test_labels_belong_to_their_texts() -> None:
    data = imdb.split(rows())
    for part in (data.train, data.validation, data.test):
        assert [int(text.split()[1][0]) for text in part.texts] == part.labels.tolist()
    assert data.sentences.labels.tolist() == [0, 1] * 5


def test_a_review_posted_twice_is_learned_from_only_if_it_is_not_tested() -> None:
    repeated = rows()
    repeated[0]["text"] = repeated[1199]["text"]
    data = imdb.split(repeated)
    assert repeated[0]["text"] in data.test.texts
    assert repeated[0]["text"] not in data.train.texts


def test_the_file_is_parsed_with_its_line_breaks_and_quotes() -> None:
    content = b'text,label,source\n"He said ""no"".\r\n<br />",0,imdb\n'
    assert imdb.parse(content) == [
        {"text": 'He said "no".\r\n<br />', "label": "0", "source": "imdb"}
    ]


def test_the_real_reviews_are_split_as_documented() -> None:
    try:
        data = imdb.load()
    except DownloadError as error:
        pytest.skip(f"The reviews are neither cached nor to be had: {error}")
    assert (len(data.test), len(data.sentences)) == (5_000, 8_530)
    assert data.test.labels.mean() == 0.5
    parts = [set(part.texts) for part in (data.train, data.validation, data.test)]
    assert not parts[0] & (parts[1] | parts[2])
    assert not parts[1] & parts[2]
