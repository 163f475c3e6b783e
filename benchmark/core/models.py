"""Every model by name, classical and deep, behind one face."""

from __future__ import annotations

import ast
import difflib
import fnmatch
import functools
import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from sklearn.base import BaseEstimator

import baselines
import deepnets
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
    """

    name: str
    family: str
    deep: bool

    def estimator(self, settings: Mapping[str, Any] | None = None) -> BaseEstimator:
        """Build the unfitted scikit-learn classifier.

        Parameters
        ----------
        settings : mapping, optional
            Parameters that differ from the registered ones; for a net also the options of its
            architecture, such as ``stem``, and ``recipe``, which stands for several.

        Raises
        ------
        InputError
            If the model has no such parameter, or not with such a value.
        """
        settings = dict(settings or {})
        if not self.deep:
            estimator = baselines.BASELINES[self.name].estimator()
            known = set(estimator.get_params())
            options: dict[str, Any] = {}
        else:
            from deepnets.training.classifier import NetClassifier

            net = deepnets.architecture(self.name)
            settings = {**_of_recipe(settings.pop("recipe", None)), **settings}
            estimator = NetClassifier(self.name).set_params(**net.settings)
            known = set(estimator.get_params()) - {"architecture", "options", "on_epoch"}
            options = {name: settings.pop(name) for name in [*settings] if name not in known}
            fixed = {"n_classes", "size", *getattr(net.build, "keywords", {})}
            accepted = set(inspect.signature(net.build).parameters) - fixed
            unknown = set(options) - accepted - ({*options} if "timm" in net.family else set())
            known |= accepted | {"recipe"}
            if options and not unknown:
                estimator.set_params(options=options)
            settings |= {name: options[name] for name in unknown}
        known -= {"random_state", "device"}
        for name in settings:
            if name not in known:
                has = f"it has {', '.join(sorted(known))}" if known else "it has none"
                raise InputError(f"{self.name} has no parameter '{name}': {has}")
        for builder in (type(estimator).__init__, *([net.build] if self.deep else [])):
            for name, words in _choices(builder).items():
                if (value := {**settings, **options}.get(name, words[0])) not in words:
                    allowed = ", ".join(map(str, words))
                    raise InputError(f"{self.name} has no {name} '{value}': use one of {allowed}")
        estimator.set_params(**settings)
        if self.deep:
            try:
                estimator.recipe()
            except ValueError as error:
                raise InputError(f"{self.name}: {error}") from error
        return estimator

    @property
    def starts_pretrained(self) -> bool:
        """Whether it is a net that always starts from weights learnt on other pictures."""
        net = deepnets.ARCHITECTURES.get(self.name) if self.deep else None
        return net is not None and bool(net.settings.get("pretrained"))

    def source_hash(self) -> str:
        """Return a hash of the code that computes this model, comments and docstrings left out.

        It covers the file that registers the model and those of its package that register none, so
        that a change to one family leaves the stored runs of the others valid.
        """
        package = Path((deepnets if self.deep else baselines).__file__ or "").parent
        if not self.deep:
            own = inspect.getfile(baselines.BASELINES[self.name].estimator)
            others = {inspect.getfile(entry.estimator) for entry in baselines.BASELINES.values()}
        else:
            own = _file(deepnets.architecture(self.name).build)
            others = {_file(net.build) for net in deepnets.ARCHITECTURES.values()}
        files = {str(path) for path in package.rglob("*.py") if path.name != "__init__.py"}
        return code_hash(*sorted((files - others) | {own}))


def _of_recipe(name: str | None) -> Mapping[str, Any]:
    from deepnets.training.recipes import RECIPES

    if name is not None and name not in RECIPES:
        raise InputError(f"no recipe is called '{name}': use one of {', '.join(RECIPES)}")
    return RECIPES[name] if name else {}


def _choices(function: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """The words that each parameter of a function accepts, for those that accept only some."""
    # The hints one by one, for those of torch's types cannot be resolved without importing it.
    plain = _plain(function)
    found: dict[str, tuple[Any, ...]] = {}
    for name, hint in getattr(plain, "__annotations__", {}).items():
        text = str(hint)
        alias = getattr(plain, "__globals__", {}).get(text)
        if get_origin(alias) is Literal:
            found[name] = get_args(alias)
        elif text.startswith("Literal["):
            words = text.removeprefix("Literal[").removesuffix("]")
            found[name] = ast.literal_eval(f"({words},)")
    return found


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return function.func if isinstance(function, functools.partial) else function


def _file(build: Callable[..., Any]) -> str:
    return inspect.getfile(_plain(build))


@functools.cache
def code_hash(*files: str) -> str:
    """SHA-256 over what Python files do: neither their names nor what they say to people.

    Docstrings are left out, and so are the messages of errors and of the log.
    """
    trees = (_Wordless().visit(ast.parse(Path(file).read_text())) for file in files)
    return hashlib.sha256("\0".join(sorted(map(ast.dump, trees))).encode()).hexdigest()


class _Wordless(ast.NodeTransformer):
    """Takes the docstrings and the messages for people out of a syntax tree."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
        return super().generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        error = node.exc
        return ast.Raise(error.func if isinstance(error, ast.Call) else error)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "logger":
            return node.func
        return self.generic_visit(node)


def models() -> dict[str, Model]:
    """Every registered model by name: classical ones first, then nets."""
    classical = [Model(entry.name, entry.family, False) for entry in baselines.BASELINES.values()]
    nets = [Model(net.name, net.family, True) for net in deepnets.ARCHITECTURES.values()]
    clash = {model.name for model in classical} & {model.name for model in nets}
    if clash:
        raise ValueError(f"a classical model and a net are both called {', '.join(clash)}")
    return {model.name: model for model in [*classical, *nets]}


def find(wanted: str) -> list[Model]:
    """Find the models of a comma-separated list of names and wildcards.

    Parameters
    ----------
    wanted : str
        Such as ``knn,vgg*``, ``timm:NAME``, or ``all``, which is every model that learns from
        nothing but the pictures it is given.

    Raises
    ------
    InputError
        If a name or pattern fits none; names the nearest.
    """
    known = models()
    found: dict[str, Model] = {}
    for word in filter(None, (part.strip() for part in wanted.split(","))):
        if word == "all":
            found |= {name: each for name, each in known.items() if not each.starts_pretrained}
        elif word.startswith(deepnets.TIMM):
            try:
                found[word] = Model(word, deepnets.architecture(word).family, True)
            except ValueError as error:
                raise InputError(str(error)) from error
        else:
            fitting = fnmatch.filter(known, word)
            if not fitting:
                near = difflib.get_close_matches(word, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else "--list shows the names"
                raise InputError(f"no model is called '{word}': {hint}")
            found |= {name: known[name] for name in fitting}
    if not found:
        raise InputError("no model is named: give --model a name, or see --list")
    return list(found.values())
