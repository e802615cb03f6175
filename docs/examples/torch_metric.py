"""A training loop in torch that watches alignment with a teacher: tensors cross to the engine by DLPack."""

from __future__ import annotations

import torch

from hyle.engine import cka, compare, copy_reason, mutual_knn

SAMPLES, HELD_OUT, BATCH, STEPS = 1024, 256, 64, 400


def samples(teacher: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw inputs [n, 16], and a teacher [n, 32] that sees them, ``planted``, or nothing of them, ``noise``."""
    generator = torch.Generator().manual_seed(0)
    x, turn = torch.randn(SAMPLES + HELD_OUT, 16, generator=generator), torch.randn(16, 32, generator=generator)
    return x, torch.tanh(x @ turn / 4) if teacher == "planted" else torch.randn(len(x), 32, generator=generator)


def train(teacher: str = "planted") -> tuple[list[float], float, float]:
    """Train; return the CKA held out as it rose, that of the end, and its p-value."""
    x, y = samples(teacher)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body, head = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.SiLU()), torch.nn.Linear(64, 32)
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=3e-3)
    generator = torch.Generator().manual_seed(1)
    # Row slices may begin anywhere in memory; a clone is aligned, and crosses without a copy ever after.
    target, seen = y[SAMPLES:].clone(), []
    for i in range(STEPS):
        some = torch.randperm(SAMPLES, generator=generator)[:BATCH]
        loss = torch.nn.functional.mse_loss(head(body(x[some])), y[some])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if i % 100 == 99:
            with torch.no_grad():
                rows = body(x[SAMPLES:])  # the engine takes tensors as they are
            seen.append(float(cka(rows, target)))
            print(f"step {i + 1}  CKA {seen[-1]:.3f}  mutual k-NN {float(mutual_knn(rows, target, k=10)):.3f}")
    print("copied:", copy_reason(rows) or "nothing")
    result = compare({"student": rows, "teacher": target}, metrics=["cka"], permutations=200)
    result = result.sel(model="student", other="teacher")
    print(f"{teacher}: CKA held out {float(result.cka):.3f}, p = {float(result.cka_p):.3f}")
    return seen, float(result.cka), float(result.cka_p)


if __name__ == "__main__":
    train("planted")
    train("noise")
