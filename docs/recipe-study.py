"""How recipes do on validation pictures: ``python docs/recipe-study.py < lines > table.csv``.

A line is ``net|data|size|pictures|budget|repeat|name=value,...``. A net learns from so many of the
pictures that fair would train it on, and is scored on up to 1,500 of those that fair keeps to
select on, all of other people where these are known. No test picture is opened. With ``held=0.2``
among the settings it learns from four fifths of them, and its epoch is chosen on the others where
``keep=best``.
"""

import sys
import time
from functools import partial

import numpy as np
import torch
import yaml
from sklearn.metrics import f1_score, log_loss
from timm.optim import muon

import deepnets
from benchmark.core.protocols import Fair, derive_seed, possible_splits
from datasets import Source

# Muon's own products, which a processor without bfloat16 computes far slower in it.
muon.zeropower_via_newtonschulz = partial(muon.zeropower_via_newtonschulz, dtype=torch.float32)

MOST = 1500  # pictures scored on
MEASURED = "accuracy %,macro-F1,log loss,seconds,epochs"
ASKED = "net,data,size,pictures,budget,repeat,settings"


def scored(line: str) -> str:
    """Train by one line and return its row of the table."""
    net, data, size, n, budget, repeat, text = line.split("|")
    dataset = Source.parse(data).load(int(size))
    rows = Fair(split=possible_splits(dataset)[0]).rows(dataset, True, int(repeat))
    learnt, unseen = rows.training[: int(n) or None], rows.selection[:MOST]
    given = dict(part.split("=", 1) for part in text.split(",") if part)
    settings = {name: yaml.safe_load(value) for name, value in given.items()}
    settings |= {"augment": given["augment"]} if "augment" in given else {}
    settings = {"recipe": "house", "budget": float(budget), **settings}
    n_held = round(settings.pop("held", 0) * len(learnt))
    model = deepnets.make(net, **settings).set_params(
        device="cpu", random_state=derive_seed("study", net, int(repeat))
    )
    learnt, held = learnt[n_held:], learnt[:n_held]
    start = time.perf_counter()
    model.fit(
        *(dataset.take(learnt), dataset.labels[learnt]), *(dataset.take(held), dataset.labels[held])
    )
    seconds = time.perf_counter() - start
    known = np.full((len(unseen), len(dataset.class_names)), 1e-9)
    known[:, model.classes_] = model.predict_proba(dataset.take(unseen))
    y = dataset.labels[unseen]
    said, loss = known.argmax(1), log_loss(y, known, labels=np.arange(known.shape[1]))
    right, f1 = 100 * (said == y).mean(), f1_score(y, said, average="macro")
    epochs = len(getattr(model, "history_", ()))
    told = line.replace("|", ",", 6).replace(text, text.replace(",", " "))
    return f"{right:.1f},{f1:.3f},{loss:.3f},{seconds:.0f},{epochs},{told}"


if __name__ == "__main__":
    print(f"{MEASURED},{ASKED}")
    for line in filter(None, map(str.strip, sys.stdin)):
        print(scored(line), flush=True)
