"""Plain ways of doing what this project does, written as their own documentation shows them.

`benchmark.perf` measures the project against these; nothing else uses them.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

import deepnets


@dataclass(frozen=True)
class Training:
    """A training: one of the project's own nets and pictures.

    Attributes
    ----------
    net : str
        A registered name.
    options : dict
        Of its builder.
    X, y, X_val, y_val : ndarray
        uint8 pictures ``(n, 3, size, size)`` and int64 labels ``(n,)`` from 0.
    epochs, batch_size, seed : int
    """

    net: str
    options: dict[str, Any]
    X: np.ndarray
    y: np.ndarray
    X_val: np.ndarray
    y_val: np.ndarray
    epochs: int
    batch_size: int
    seed: int

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(max(self.y.max(), self.y_val.max())) + 1

    def build(self) -> Any:
        """Build the untrained net."""
        import torch

        torch.manual_seed(self.seed)
        net = deepnets.architecture(self.net)
        return net.build(self.n_classes, max(self.X.shape[-1], net.smallest), **self.options)


def loader_loop(task: Training) -> float:
    """Train with a DataLoader, float32 and Adam, as PyTorch's tutorials do; accuracy of the end.

    The pictures are tensors in memory, for which a loader without workers is the quickest.
    """
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader, TensorDataset

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings = deepnets.architecture(task.net).settings
    weight, smoothing = (settings.get(k, 0.0) for k in ("auxiliary_weight", "label_smoothing"))
    mean = task.X.mean(axis=(0, 2, 3), keepdims=True)
    deviation = task.X.std(axis=(0, 2, 3), keepdims=True)

    def loader(X: np.ndarray, y: np.ndarray, shuffle: bool) -> DataLoader:
        scaled = torch.from_numpy(((X - mean) / deviation).astype(np.float32))
        whole = TensorDataset(scaled, torch.from_numpy(y))
        return DataLoader(whole, task.batch_size, shuffle=shuffle, pin_memory=device.type == "cuda")

    net = task.build().to(device)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    training = loader(task.X, task.y, shuffle=True)
    validation = loader(task.X_val, task.y_val, shuffle=False)
    accuracy = 0.0
    for _ in range(task.epochs):
        net.train()
        loss_sum = 0.0
        for images, labels in training:
            images, labels = images.to(device), labels.to(device)
            outputs = net(images)
            logits, *extra = outputs if isinstance(outputs, tuple) else (outputs,)
            loss = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
            for each in extra:
                loss = loss + weight * functional.cross_entropy(
                    each, labels, label_smoothing=smoothing
                )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss_sum += loss.item()
        net.eval()
        right = 0
        with torch.no_grad():
            for images, labels in validation:
                predicted = net(images.to(device)).argmax(1)
                right += int((predicted == labels.to(device)).sum())
        accuracy = right / len(task.y_val)
    return accuracy


def timm_steps(task: Training, n_steps: int = 10) -> float:
    """Training throughput as timm's own benchmark takes it, in images/s.

    One batch of noise on the device, used again in every step: no data, no validation. With the
    settings its documentation gives for speed: mixed precision in bfloat16, channels_last.
    (benchmark.py of github.com/huggingface/pytorch-image-models, ``--bench train``.)
    """
    import torch
    from timm.optim import create_optimizer_v2

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = task.build().to(device=device, memory_format=torch.channels_last)
    net.train()
    size = task.X.shape[-1]
    smallest = deepnets.architecture(task.net).smallest
    shape = (task.batch_size, 3, max(size, smallest), max(size, smallest))
    images = torch.randn(shape, device=device).to(memory_format=torch.channels_last)
    labels = torch.randint(task.n_classes, (task.batch_size,), device=device)
    optimiser = create_optimizer_v2(net, opt="adam", lr=1e-4)
    start = 0.0
    for step in itertools.count():
        if step in (2, 2 + n_steps):  # two to warm up
            if device.type == "cuda":
                torch.cuda.synchronize()
            if step > 2:
                return n_steps * task.batch_size / (time.perf_counter() - start)
            start = time.perf_counter()
        optimiser.zero_grad()
        with torch.autocast(device.type, torch.bfloat16):
            outputs = net(images)
            logits = outputs[0] if isinstance(outputs, tuple) else outputs
            loss = torch.nn.functional.cross_entropy(logits, labels)
        loss.backward()
        optimiser.step()
    raise AssertionError("unreachable")


def cv2_loop(paths: Sequence[str], size: int) -> np.ndarray:
    """Read and stretch pictures one after the other, ``(n, size, size, 3)`` of uint8, BGR."""
    pictures = []
    for path in paths:
        picture = cv2.imread(path)
        if picture is None:
            raise ValueError(f"{path} cannot be read")
        pictures.append(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
    return np.stack(pictures)


def scikit_learn_neighbours(
    X: np.ndarray, y: np.ndarray, X_test: np.ndarray, n_neighbors: int = 5
) -> np.ndarray:
    """Class probabilities by scikit-learn's brute force on the flat pixels."""
    from sklearn.neighbors import KNeighborsClassifier

    flat, flat_test = (each.reshape(len(each), -1).astype(np.float32) for each in (X, X_test))
    return (
        KNeighborsClassifier(n_neighbors, algorithm="brute").fit(flat, y).predict_proba(flat_test)
    )
