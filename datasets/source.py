"""What a user names as the data: sets, what is left out of them, and what they are tested on."""

from __future__ import annotations

import dataclasses
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets import crops, derived, limits, packing
from datasets.dataset import Dataset, Part
from datasets.errors import InputError, reading
from datasets.names import short
from datasets.registry import LOADERS, Loader, expanded

DEDUPLICATED, WITHOUT = "deduplicated", "without"  # words that stand before a name and a colon
ON = "-on-"


@dataclass(frozen=True)
class Source:
    """What a user names as the data: sets, and what is done with them.

    Attributes
    ----------
    sets : tuple of str
        Sets that are joined, each a known name, ``NAME:PATH`` or the path of a folder.
    crop : {"none", "eyes", "mouth", "face"}
        What of each picture is kept and stretched, see `datasets.crops`.
    without : tuple of str
        Classes that are left out, in this order.
    deduplicated : bool
        Whether duplicates are left out, after the classes.
    tested_on : tuple of str
        Sets that are tested on besides and never learned from; none where this is empty.
    """

    sets: tuple[str, ...]
    crop: str = crops.NONE
    without: tuple[str, ...] = ()
    deduplicated: bool = False
    tested_on: tuple[str, ...] = ()

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        crop: str = crops.NONE,
        without: tuple[str, ...] = (),
        deduplicated: bool = False,
        tested_on: str | None = None,
    ) -> Source:
        """Read what a user types, with what flags add to it.

        Parameters
        ----------
        text : str
            Sets with ``+`` between, and ``-on-`` before those that are tested on. Before all may
            stand, each with a colon: a crop, ``deduplicated``, ``without:CLASS`` (with ``%3A`` for
            a colon in it, and ``%25`` for ``%``).
        crop, without, deduplicated
            As the attributes, besides what the text says.
        tested_on : str, optional
            Sets with ``+`` between, each a path or as in the text.

        Raises
        ------
        InputError
            If it names two crops, two sets to test on, or a folder that is not there.
        """
        dropped: list[str] = []
        while True:
            word, colon, rest = text.partition(":")
            if not colon or word not in (DEDUPLICATED, WITHOUT, *crops.WORDS):
                break
            if word == WITHOUT:
                class_name, _, rest = rest.partition(":")
                class_name = class_name.replace("%3A", ":").replace("%25", "%")
                dropped.insert(0, class_name)  # the last that is named is left out first
            elif word == DEDUPLICATED:
                deduplicated = True
            elif crop in (crops.NONE, word):
                crop = word
            else:
                raise InputError(f"two crops are asked for, {crop} and {word}: name one")
            text = rest
        if crop not in crops.CROPS:
            raise InputError(f"no crop is called '{crop}': use one of {', '.join(crops.CROPS)}")
        learned, *others = _split(text, ON)
        if len(others) + (tested_on is not None) > 1:
            raise InputError(f"{text} names two sets to test on: name one, or each in its turn")
        if tested_on is not None:
            others = [tested_on]
        tested = [_named(one) for other in others for one in _split(other, "+")]
        sets = tuple(_split(learned, "+"))
        return cls(sets, crop, (*dropped, *without), deduplicated, tuple(tested))

    def __str__(self) -> str:
        """What `parse` reads as this."""
        words = [f"{self.crop}:"] if self.crop != crops.NONE else []
        words += [f"{DEDUPLICATED}:"] if self.deduplicated else []
        # A class may be called by what stands between words.
        dropped = (each.replace("%", "%25").replace(":", "%3A") for each in reversed(self.without))
        words += [f"{WITHOUT}:{class_name}:" for class_name in dropped]
        on = ON + "+".join(self.tested_on) if self.tested_on else ""
        return f"{''.join(words)}{'+'.join(self.sets)}{on}"

    @property
    def folders(self) -> list[Path]:
        """Folders that the sets are read from; a set that is drawn has none.

        Raises
        ------
        InputError
            If a folder is not there or cannot be read.
        """
        return [folder for _, folder in self._located() if folder]

    def load(self, size: int = 32) -> Dataset:
        """Load the data set with its pictures stretched to ``size`` x ``size`` pixels.

        Raises
        ------
        InputError
            If there is no such data set or it cannot be used; one line that says what to do.
        """
        located = self._located()
        with reading():
            listings = (loader.listing(folder) for loader, folder in located)
            sets = _told_apart([packing.load(each, size, self.crop) for each in listings])
            dataset = derived.joined(sets[: len(self.sets)])
            if self.tested_on:
                dataset = derived.tested_on(dataset, derived.joined(sets[len(self.sets) :]))
            _check_parts(dataset)
            for class_name in self.without:
                dataset = derived.without_class(dataset, class_name)
            if self.deduplicated:
                dataset = derived.without_duplicates(dataset)
        joined = len((*self.sets, *self.tested_on)) > 1
        dataset = dataclasses.replace(dataset, source=str(self), crop=self.crop, joined=joined)
        if dataset.crop_found is None:
            return dataset
        share = crops.said(self.crop, dataset.crop_found.mean())
        return dataclasses.replace(
            dataset,
            name=short(f"{dataset.name}-{self.crop}", limits.NAME),
            described=f"{dataset.described}, {crops.WORDS[self.crop]} {share}",
        )

    @reading()
    def _located(self) -> list[tuple[Loader, Path | None]]:
        """Loader and folder of each set, those that are tested on last."""
        given = [_find(one) for one in (*self.sets, *self.tested_on)]
        located = [(loader, folder or loader.find()) for loader, folder in given]
        different = {(loader.name, folder and folder.resolve()) for loader, folder in located}
        if len(different) < len(located):
            raise InputError(f"{self} names a set twice: name each once")
        return located


def _check_parts(dataset: Dataset) -> None:
    """Raise InputError for a division that no split goes by, and that would be lost unseen."""
    there = set() if dataset.parts is None else {Part(part) for part in np.unique(dataset.parts)}
    if len(there) > 1 and not {Part.TRAINING, Part.TEST} <= there:
        named = " and ".join(sorted(part.name.lower() for part in there))
        raise InputError(
            f"{dataset.described} is divided into {named}, and needs training and test: call one "
            "of its parts 'test', or give --data one of them alone"
        )


def _told_apart(sets: list[Dataset]) -> list[Dataset]:
    """Number sets of one name, which folders in two places may have: pets, pets-2."""
    named: dict[str, Dataset] = {}
    for each in sets:
        names = (each.name if i == 1 else f"{each.name}-{i}" for i in itertools.count(1))
        name = next(name for name in names if name not in named)
        named[name] = dataclasses.replace(each, name=name)
    return [*named.values()]


def _split(text: str, sign: str) -> list[str]:
    # Before a set's name only, since either sign may be part of a path, as in CK+48.
    return re.split(rf"{re.escape(sign)}(?=(?:{'|'.join(LOADERS)})(?:[:+]|{ON}|$))", text)


def _named(given: str) -> str:
    """The same set with its loader's name, so that it can stand after a sign."""
    loader, folder = _find(given)
    return f"{loader.name}:{folder}" if folder else loader.name


@reading()
def _find(given: str) -> tuple[Loader, Path | None]:
    """Which loader reads what is given, and the folder it reads, if that is said."""
    if given in LOADERS:
        return LOADERS[given], None
    name, colon, rest = given.partition(":")
    if colon and name in LOADERS:
        return LOADERS[name], _folder(rest)
    if not Path(given).exists() and "/" not in given:
        raise InputError(
            f"no data set or folder is called '{given}': "
            f"use one of {', '.join(sorted(LOADERS))}, or the path of a folder"
        )
    path = _folder(given)
    alike = [name for name, loader in LOADERS.items() if loader.looks_like(path)]
    if len(alike) > 1:
        raise InputError(f"{path} is {' and '.join(alike)}: say which, as in {alike[0]}:{path}")
    return LOADERS[alike[0] if alike else "folder"], path


def _folder(given: str) -> Path:
    if not given:
        raise InputError("a set without a folder is named: give its path after the colon")
    path = expanded(given)
    if not path.is_dir():
        if path.exists():
            raise InputError(f"{given} is a file, not a folder: name the folder it is in")
        raise InputError(f"the folder {given} is not there: check the path")
    return path
