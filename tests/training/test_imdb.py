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
        for number in range(800)
    ]
    return labelled + elsewhere


def films(reviews: imdb.Reviews) -> set[str]:
    return {text.split(" review ")[0] for text in reviews.texts}


@pytest.mark.parametrize("reviews", [7, 13, 30])
def test_no_film_is_in_two_parts(reviews: int) -> None:
    data = imdb.split(rows(films=3000 // reviews, reviews=reviews)).reviews
    parts = [films(part) for part in (data.train, data.validation, data.test)]
    assert all(parts)
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_the_test_part_is_the_last_fifth_of_each_class() -> None:
    data = imdb.split(rows()).reviews
    assert len(data.test) == 2 * 40 * 30 // 5
    assert data.test.labels.mean() == 0.5
    assert data.test.texts[0] == "film 0-32 review 0"
    assert data.test.texts[-1] == "film 1-39 review 29"


def test_labels_belong_to_their_texts() -> None:
    data = imdb.split(rows())
    for part in (data.reviews.train, data.reviews.validation, data.reviews.test):
        assert [int(text.split()[1][0]) for text in part.texts] == part.labels.tolist()
    for part in (data.sentences.train, data.sentences.validation, data.sentences.test):
        assert [int(text.split()[1]) % 2 for text in part.texts] == part.labels.tolist()


def test_a_quarter_of_the_sentences_is_tested_whatever_their_order() -> None:
    data = imdb.split(rows()).sentences
    assert 160 < len(data.test) < 240
    assert len(data.train) + len(data.validation) + len(data.test) == 800
    turned = imdb.split(rows()[::-1]).sentences
    assert set(turned.test.texts) == set(data.test.texts)
    assert set(turned.validation.texts) == set(data.validation.texts)


def test_sentences_of_the_same_words_are_in_the_same_part() -> None:
    sentences = [
        {"text": text, "label": "1", "source": "rotten_tomatoes"}
        for number in range(100)
        for text in (f"A pretentious mess {number}", f". . . mess {number} , a PRETENTIOUS mess")
    ]
    data = imdb.split(sentences).sentences
    for part in (data.train, data.validation, data.test):
        assert len(part) % 2 == 0


def test_a_review_posted_twice_is_learned_from_only_if_it_is_not_tested() -> None:
    repeated = rows()
    repeated[0]["text"] = repeated[1199]["text"]
    data = imdb.split(repeated).reviews
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
    assert (len(data.reviews.test), len(data.sentences.test)) == (5_000, 2_116)
    assert data.reviews.test.labels.mean() == 0.5
    for split in (data.reviews, data.sentences):
        parts = [set(part.texts) for part in (split.train, split.validation, split.test)]
        assert not parts[0] & (parts[1] | parts[2])
        assert not parts[1] & parts[2]
