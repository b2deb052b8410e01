"""Making a key: `python -m service.keys NAME --rights predict,metrics --file keys.json`."""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from service.api.access.keys import (
    Entry,
    InvalidKeysError,
    Keys,
    Right,
    entry_of,
    make_key,
    read_entries,
)


def main(arguments: list[str] | None = None) -> None:
    """Make a key, and print it once. Its entry in the file has only its hash."""
    parser = argparse.ArgumentParser(prog="python -m service.keys", description=main.__doc__)
    parser.add_argument("name", help="who gets the key: the access log says this name")
    parser.add_argument("--rights", required=True, help="some of " + ",".join(get_args(Right)))
    parser.add_argument(
        "--file", type=Path, help="add the entry to this file; without it, it is printed"
    )
    given = parser.parse_args(arguments)
    key = make_key()
    try:
        entry = entry_of(key, given.name, given.rights.split(","))
        if given.file is not None:
            add_entry(given.file, entry)
    except ValidationError as error:
        parser.error(f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}")
    except InvalidKeysError as error:
        parser.error(f"{given.file} can't be used. {error}")
    except OSError as error:
        parser.error(f"{given.file} can't be written: {error.strerror}")
    lines = [key] if given.file is not None else [key, _line(entry)]
    sys.stdout.write("\n".join(lines) + "\n")


def add_entry(file: Path, entry: Entry) -> None:
    """Add an entry to a file, made if there is none, in one step.

    Whoever may read the file can use no key of it: it holds hashes. Whoever may write it can add
    one, so a new file can be written by its owner alone.

    Raises:
        InvalidKeysError: the file has a fault, and stays as it is.
        OSError: it can't be read or written.
    """
    is_there = file.exists()
    entries = [*(read_entries(file.read_bytes()) if is_there else ()), entry]
    Keys(entries)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        new.write_text("[\n" + ",\n".join(map(_line, entries)) + "\n]\n")
        new.chmod(file.stat().st_mode if is_there else 0o644)
        new.replace(file)
    finally:
        with suppress(FileNotFoundError):
            new.unlink()


def _line(entry: Entry) -> str:
    return entry.model_dump_json(exclude_none=True)


if __name__ == "__main__":
    main()
