"""Every model by name, classical or deep, and the hash of the code that computes it."""

from __future__ import annotations

import ast
import difflib
import fnmatch
import functools
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sklearn.base import BaseEstimator

import baselines
import deepnets
from benchmark import OWN_PACKAGES
from datasets import InputError


@dataclass(frozen=True)
class Model:
    """A model that can be run.

    Attributes
    ----------
    name, family : str
        As on the leaderboard.
    deep : bool
        Whether it is a net.
    needs_download : bool
        Whether it cannot do without weights that no package here has.
    """

    name: str
    family: str
    deep: bool
    needs_download: bool = False

    @property
    def is_frozen(self) -> bool:
        """Whether it is a net that stays as it was published."""
        return self.name.startswith(deepnets.FROZEN)

    @property
    def is_trained_in_epochs(self) -> bool:
        """Whether it is a net that is trained."""
        return self.deep and not self.is_frozen

    def make(self, /, **settings: Any) -> BaseEstimator:
        """Make the unfitted scikit-learn classifier.

        Parameters
        ----------
        **settings
            Parameters that differ from the registered ones; for a net also the options of its
            architecture, such as ``stem``, and ``recipe``, which stands for several.

        Raises
        ------
        InputError
            If the model has no such parameter, or not with such a value.
        """
        try:
            return self._package.make(self.name, **settings)
        except ValueError as error:
            raise InputError(str(error)) from error

    def portfolio(self, most: int, starts_from_weights: bool = False) -> list[Mapping[str, Any]]:
        """Return at most so many settings worth trying, the usual ones first."""
        if self.deep:
            return [{}, *deepnets.portfolio(self.name, starts_from_weights)][:most]
        return [{}, *baselines.portfolio(self.name)][:most]

    def source_hash(self) -> str:
        """Return a hash of the code that computes this model, comments and docstrings left out.

        It covers the file that defines the model and those that are shared, so that a change to one
        family leaves the stored runs of the others valid.
        """
        return code_hash(*sorted(map(str, self._package.files(self.name))))

    @property
    def _package(self) -> ModuleType:
        return deepnets if self.deep else baselines


def code_hash(*files: str) -> str:
    """SHA-256 over what Python files do: neither their names nor what they say to people.

    Docstrings are left out, and so are the messages of errors and of the log.
    """
    return hashlib.sha256("\0".join(sorted(map(_wordless, files))).encode()).hexdigest()


@functools.cache
def _wordless(file: str) -> str:
    return ast.dump(_Wordless().visit(ast.parse(Path(file).read_bytes())))


class _Wordless(ast.NodeTransformer):
    """Takes the docstrings and the messages for people out of a syntax tree."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
        return super().generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        own = (node.module or "").partition(".")[0] in OWN_PACKAGES
        return None if own else node  # says where our code lies; what it does is hashed there

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        error = node.exc
        return ast.Raise(error.func if isinstance(error, ast.Call) else error)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "logger":
            return node.func
        return self.generic_visit(node)


def models() -> dict[str, Model]:
    """Every registered model by name: classical ones first, then nets, then frozen ones."""
    found = [Model(each.name, each.family, False) for each in baselines.BASELINES.values()]
    for net in deepnets.ARCHITECTURES.values():
        if net.name in baselines.BASELINES:
            raise ValueError(f"a classical model and a net are both called {net.name}")
        found.append(Model(net.name, net.family, True, bool(net.settings.get("pretrained"))))
    for prefix in (deepnets.FINE_TUNED, deepnets.FROZEN):
        family = deepnets.FAMILIES[prefix]
        found += [Model(f"{prefix}{name}", family, True) for name in deepnets.PACKAGED]
    return {model.name: model for model in found}


def _of_timm(name: str) -> Model:
    """Any net of timm, to be trained from scratch, fine-tuned or frozen."""
    try:
        net = deepnets.architecture(name)
    except ValueError as error:
        raise InputError(str(error)) from error
    from_scratch = name.startswith(deepnets.TIMM)
    return Model(name, net.family, True, not from_scratch and net.hub not in deepnets.PACKAGED)


def find(wanted: str) -> list[Model]:
    """Find the models of a comma-separated list of names and wildcards.

    Parameters
    ----------
    wanted : str
        Such as ``knn,vgg*``, ``timm:NAME``, ``finetuned:NAME``, ``frozen:NAME``, or ``all``,
        which is every model that needs no download.

    Raises
    ------
    InputError
        If a name or pattern fits none; names the nearest.
    """
    known = models()
    found: dict[str, Model] = {}
    for word in filter(None, (part.strip() for part in wanted.split(","))):
        if word == "all":
            found |= {name: each for name, each in known.items() if not each.needs_download}
        elif word in known:
            found[word] = known[word]
        elif deepnets.is_of_timm(word):  # which takes the seconds that timm's import does
            found[word] = _of_timm(word)
        else:
            fitting = fnmatch.filter(known, word)
            if not fitting:
                raise InputError(f"no model is called '{word}': {_hint(word, known)}")
            found |= {name: known[name] for name in fitting}
    if not found:
        raise InputError("no model is named: give --model a name, or see --list")
    return list(found.values())


def _hint(word: str, known: Collection[str]) -> str:
    """What to type in place of a name that no model here has: timm's net of that name, or near."""
    import timm  # which takes seconds

    if timm.is_model(word):
        ways = (f"'{prefix}{word}'" for prefix in (deepnets.FINE_TUNED, deepnets.FROZEN))
        return f"for timm's use '{deepnets.TIMM}{word}', or from its weights {' or '.join(ways)}"
    of_timm = (f"{deepnets.TIMM}{name}" for name in timm.list_models())
    near = difflib.get_close_matches(word, known, n=1)
    near = near or difflib.get_close_matches(f"{deepnets.TIMM}{word}", of_timm, n=1)
    return f"did you mean '{near[0]}'?" if near else "--list shows the names"
