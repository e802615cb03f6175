"""A training loop in torch that monitors alignment with a teacher; tensors are passed to the engine by DLPack."""

from __future__ import annotations

import torch

from hyle.engine import cka, compare, copy_reason, mutual_knn

SAMPLES, HELD_OUT, BATCH, STEPS = 1024, 256, 64, 400


def samples(teacher: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw inputs [n, 16] and a teacher [n, 32], a function of the inputs (``planted``) or independent ``noise``."""
    generator = torch.Generator().manual_seed(0)
    x, weights = torch.randn(SAMPLES + HELD_OUT, 16, generator=generator), torch.randn(16, 32, generator=generator)
    return x, torch.tanh(x @ weights / 4) if teacher == "planted" else torch.randn(len(x), 32, generator=generator)


def train(teacher: str = "planted") -> tuple[list[float], float, float]:
    """Train; return the held-out CKA during training, the final one, and its p-value."""
    x, y = samples(teacher)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body, head = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.SiLU()), torch.nn.Linear(64, 32)
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=3e-3)
    generator = torch.Generator().manual_seed(1)
    # A slice of rows may start at an unaligned address; a clone is aligned, so it can be passed without a copy.
    target, history = y[SAMPLES:].clone(), []
    for i in range(STEPS):
        batch = torch.randperm(SAMPLES, generator=generator)[:BATCH]
        loss = torch.nn.functional.mse_loss(head(body(x[batch])), y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if i % 100 == 99:
            with torch.no_grad():
                rows = body(x[SAMPLES:])  # the engine takes torch tensors
            history.append(float(cka(rows, target)))
            print(f"step {i + 1}  CKA {history[-1]:.3f}  mutual k-NN {float(mutual_knn(rows, target, k=10)):.3f}")
    print("copied:", copy_reason(rows) or "nothing")
    result = compare({"student": rows, "teacher": target}, metrics=["cka"], permutations=200)
    result = result.sel(model="student", other="teacher")
    print(f"{teacher}: held-out CKA {float(result.cka):.3f}, p = {float(result.cka_p):.3f}")
    return history, float(result.cka), float(result.cka_p)


if __name__ == "__main__":
    train("planted")
    train("noise")
